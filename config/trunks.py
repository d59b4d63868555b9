"""The lines of a deployment, as `trunks.yaml` has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from config.yaml_file import ConfigErrors, YamlFile

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]


class TrunkEntry(BaseModel):
    """One neighbour's line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    access_number: Annotated[str, StringConstraints(pattern=r"^\+?[\d-]{3,20}$")]
    sources: Annotated[tuple[str, ...], Field(min_length=1)]
    peer: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]+:\d{1,5}$")]
    transport: Literal["udp", "tcp", "tls"] = "udp"


class _TrunksFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    trunks: tuple[TrunkEntry, ...]


def load_trunks(path: Path, serves: Callable[[str], bool] | None = None) -> tuple[TrunkEntry, ...]:
    """Every line of the file. Raises ConfigErrors with every mistake.

    :param serves: is an access number some station's? Callers of a trunk with any other would
        hear that it is not in use, so it is a mistake. None: not asked.
    """
    yaml = YamlFile(path)
    trunks = yaml.checked(_TrunksFile).trunks
    errors = []
    names: set[str] = set()
    for index, trunk in enumerate(trunks):
        if trunk.name in names:
            errors.append(yaml.error(["trunks", index, "name"], f"{trunk.name} is there twice"))
        names.add(trunk.name)
        if serves is not None and not serves(trunk.access_number):
            message = f"no station has {trunk.access_number}: add it to its access_numbers"
            errors.append(yaml.error(["trunks", index, "access_number"], message))
    if errors:
        raise ConfigErrors(errors)
    return trunks
