"""The numbers that Twilio carries, as `twilio_numbers.yaml` has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from config.yaml_file import ConfigErrors, YamlFile


class NumberEntry(BaseModel):
    """One number of the account's, E.164."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Annotated[str, StringConstraints(pattern=r"^\+[0-9]{6,15}$")]
    access_number: Annotated[str, StringConstraints(pattern=r"^\+?[\d-]{3,20}$")]


class _NumbersFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    numbers: tuple[NumberEntry, ...]


def load_twilio_numbers(path: Path, serves: Callable[[str], bool]) -> Mapping[str, str]:
    """Access number by number. Raises ConfigErrors with every mistake.

    :param serves: is an access number some station's?
    """
    yaml = YamlFile(path)
    errors = []
    found: dict[str, str] = {}
    for index, entry in enumerate(yaml.checked(_NumbersFile).numbers):
        if entry.number in found:
            errors.append(
                yaml.error(["numbers", index, "number"], f"{entry.number} is there twice")
            )
        if not serves(entry.access_number):
            message = f"no station has {entry.access_number}: add it to its access_numbers"
            errors.append(yaml.error(["numbers", index, "access_number"], message))
        found[entry.number] = entry.access_number
    if errors:
        raise ConfigErrors(errors)
    return found
