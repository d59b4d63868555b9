"""An application, not a library: its names are its own, its data is where it says."""

from __future__ import annotations

import configparser
import re
import subprocess
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]


def _setup() -> configparser.ConfigParser:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return setup


def _packages() -> set[str]:
    return set(_setup()["options"]["packages"].split())


def test_every_package_is_listed() -> None:
    tops = {name.split(".")[0] for name in _packages()}
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for top in tops
        for init in (ROOT / top).rglob("__init__.py")
    }
    assert found == _packages()


def test_no_other_installed_distribution_owns_our_names() -> None:
    owned = packages_distributions()
    ours = {name.split(".")[0] for name in _packages()} | {"run_ivr"}
    assert {name: owned[name] for name in ours if name in owned} == {}


def test_everything_asked_for_is_pinned() -> None:
    setup = _setup()
    asked = setup["options"]["install_requires"] + setup["options.extras_require"]["dev"]
    names = {re.split(r"[\[<>=]", line)[0].replace(".", "-") for line in asked.split()}
    pinned = {
        line.partition("==")[0].partition("[")[0].lower()
        for line in (ROOT / "requirements.lock").read_text().splitlines()
    }
    assert names <= pinned


def test_no_path_of_one_machine_is_in_the_project() -> None:
    tracked = subprocess.run(
        ["git", "grep", "-lIE", r"/(work|root|farm)/|/home/[a-z]"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.split()  # fmt: skip
    assert set(tracked) <= {"tests/test_packaging.py"}
