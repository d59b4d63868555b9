"""Secrets that nobody chooses: made when they are first needed, kept in files of ours."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept_secret(path: Path) -> str:
    """What the file holds; only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").strip()
    with os.fdopen(descriptor, "w") as file:
        secret = _new()
        file.write(secret + "\n")
    return secret


def replace_secret(path: Path, by: str | None = None) -> None:
    """Have another one kept from now on, `by` if it is given; whoever reads finds either."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write((by or _new()) + "\n")
    new.replace(path)


def _new() -> str:
    return secrets.token_urlsafe(24)
