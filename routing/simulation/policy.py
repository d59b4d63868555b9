"""A policy to try: what it sets otherwise than the stations, and how far its calls travel."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from config.yaml_file import ConfigErrors, YamlFile, describe, field_names, place
from routing.stations import NATION, Stations, StationSettings


class _Name(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh_cn: str = Field(alias="zh-CN")
    en: str


class _PolicyFile(BaseModel):
    """`reach`: `home` asks nobody else; `tree` home, province, covering centres, all centres;
    `pool` puts everybody who ever answers into one place, where no telephone rings in vain: no
    policy can do better. `strength`: weak and dead stations are seen and covered. `settings`: in
    place of every station's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Name
    reach: Literal["home", "tree", "pool"] = "tree"
    strength: bool = False
    settings: Mapping[str, Any] = Field(default_factory=dict)


class Policy:
    """A policy over the stations: routing sees its settings in place of theirs.

    `id`: the file's name.
    """

    def __init__(self, policy_id: str, file: _PolicyFile, stations: Stations) -> None:
        self.id = policy_id
        self._file = file
        self.name = file.name
        self.reach = file.reach
        self.strength = file.strength
        self._stations = stations
        self._settings = file.settings

    @classmethod
    def load(cls, path: Path, stations: Stations) -> Policy:
        """Raises ConfigErrors with every mistake of the file."""
        yaml = YamlFile(path)
        file = yaml.checked(_PolicyFile)
        shipped = stations.settings(NATION).model_dump()
        known = field_names(StationSettings)
        try:
            checked = StationSettings.model_validate({**shipped, **file.settings})
        except ValidationError as error:
            raise ConfigErrors(
                yaml.error(["settings", *place(problem)], describe(problem, known))
                for problem in error.errors()
            ) from None
        settings = {name: getattr(checked, name) for name in file.settings}
        return cls(path.stem, file.model_copy(update={"settings": settings}), stations)

    def changed(self, policy_id: str, **settings: Any) -> Policy:
        """The same policy with other settings, which aren't checked."""
        file = self._file.model_copy(update={"settings": {**self._settings, **settings}})
        return Policy(policy_id, file, self._stations)

    def home_of(self, station: str) -> str:
        """Where a call of `station`, or somebody who works there, is for this policy."""
        return NATION if self.reach == "pool" else station

    def tiers(self, station_id: str) -> tuple[tuple[str, ...], ...]:
        if self.reach == "tree":
            return self._stations.tiers(station_id)
        return ((station_id,),)

    def setting(self, station_id: str, name: str) -> Any:
        if name in self._settings:
            return self._settings[name]
        return self._stations.setting(station_id, name)

    def parent(self, station_id: str) -> str | None:
        return self._stations.parent(station_id)
