"""Sister lines that a call may be passed to: 110, 120, 12356 … per region, each verified.

`110` dialled from another province reaches the wrong police. So a local line is found only for
the very city of the incident, a number is dialled only once its station has verified it, and a
bare short code only leaves on a trunk in its own city. Nothing outside the directory is dialled.
What cannot be dialled is not found, so that no caller is passed on into nothing: whoever asks says
which kinds of number can be rung for the call.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, StringConstraints

from config.yaml_file import ConfigErrors, YamlFile, suggestion

Dialable = Annotated[str, StringConstraints(pattern=r"^\+?\d{3,15}$")]
ServiceId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
NumberKind = Literal["local", "international", "national"]
"""`local`: a phone of this server. `international`: E.164 with its plus, the same from anywhere.
`national`: as a trunk in China takes it, short codes too."""


class Places(Protocol):
    """What the directory needs of the regions."""

    def province_of(self, code: str) -> str | None:
        """The province a region is in (of a province: itself); None for an unknown one."""
        ...


class Service(BaseModel):
    """A sister line. `reach` is how far one entry serves: a `city` line only its own city (a
    municipality: itself), a `province` line the whole province too, a `nation` line also
    callers of whom nothing is known. `short_code` None: it has none, like a duty phone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    zh_cn: str = Field(alias="zh-CN")
    en: str
    short_code: Annotated[str, StringConstraints(pattern=r"^\d{3,5}$")] | None
    reach: Literal["city", "province", "nation"]


class Entry(BaseModel):
    """One dialable number. `region` None is the nation. `verified` None: not dialable.
    `local` numbers are phones of this server and never leave on a trunk."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    service: ServiceId
    region: str | None
    number: Dialable
    verified: date | None
    local: bool = False

    @property
    def kind(self) -> NumberKind:
        if self.local:
            return "local"
        return "international" if self.number.startswith("+") else "national"


class _DirectoryFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    verify_every_days: PositiveInt
    services: Mapping[ServiceId, Service]
    entries: Mapping[Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+$")], Entry]


class NotInDirectory(KeyError):
    """A number was asked for that the directory doesn't hold, or that nobody has verified."""


def load_services(directory: Path) -> Mapping[str, Service]:
    """The services alone of `directory.yaml` in a directory. Raises ConfigErrors."""
    return YamlFile(directory / "directory.yaml").checked(_DirectoryFile).services


class Directory:
    """The sister lines of `directory.yaml` in a directory."""

    def __init__(
        self, places: Places, yaml: YamlFile, file: _DirectoryFile, outbound_region: str | None
    ) -> None:
        self._places = places
        self._yaml = yaml
        self._file = file
        self._outbound_region = outbound_region
        self._by_place = {
            (entry.service, entry.region): entry_id for entry_id, entry in file.entries.items()
        }

    @classmethod
    def load(cls, directory: Path, places: Places, outbound_region: str | None) -> Directory:
        """Raises ConfigErrors with every mistake of the file. `outbound_region`: the city that the
        outbound trunk ends in, None where there is none or that isn't certain."""
        yaml = YamlFile(directory / "directory.yaml")
        file = yaml.checked(_DirectoryFile)
        if errors := list(_mistakes(yaml, file, places)):
            raise ConfigErrors(errors)
        return cls(places, yaml, file, outbound_region)

    def has(self, number: str) -> bool:
        """Is this number, E.164 of China, one of the lines, however it is written there?"""
        national = number.removeprefix("+86")
        written = {number, national, f"0{national}"}
        return any(entry.number in written for entry in self._file.entries.values())

    @property
    def services(self) -> Mapping[str, Service]:
        return self._file.services

    def find(
        self,
        service: str,
        region: str | None,
        trunk_region: str | None = None,
        *,
        kinds: Container[NumberKind],
        place_known: bool = True,
    ) -> str | None:
        """The id of the entry that serves `region`, None where none may be dialled.

        :param region: where the incident is, as far as it is known.
        :param trunk_region: where the call came in. A bare short code is dialled only where call
            and outbound trunk are both in its city.
        :param kinds: which kinds of number can be rung for the call.
        :param place_known: False for a region that only the caller's number hints at: no line
            that serves one city alone is then found.
        """
        about = self._file.services.get(service)
        if about is None or (about.reach == "city" and not place_known):
            return None
        for place in self._reached(about, region):
            entry_id = self._by_place.get((service, place))
            if entry_id is None:
                continue
            entry = self._file.entries[entry_id]
            if entry.kind in kinds and self._may_dial(entry, about, trunk_region):
                return entry_id
        return None

    def entry(self, entry_id: str) -> Entry:
        """Raises NotInDirectory for anything unknown or unverified."""
        entry = self._file.entries.get(entry_id)
        if entry is None or entry.verified is None:
            raise NotInDirectory(entry_id)
        return entry

    def local(self) -> Mapping[str, str]:
        """Phones of this server: each number's service."""
        entries = self._file.entries.values()
        return {entry.number: entry.service for entry in entries if entry.local}

    def overdue(self, on: date) -> tuple[str, ...]:
        """A line for each entry verified longer ago than the directory allows. It is dialled
        all the same: for a child in danger an old number is better than none."""
        most = self._file.verify_every_days
        return tuple(
            self._yaml.error(
                ["entries", entry_id, "verified"],
                f"{entry.number} was verified on {entry.verified}, more than {most} days ago: "
                "it is still dialled; check it and write the date",
            )
            for entry_id, entry in self._file.entries.items()
            if entry.verified is not None and (on - entry.verified).days > most
        )

    def _reached(self, service: Service, region: str | None) -> Iterator[str | None]:
        """Places whose entry serves a caller in `region`, nearest first."""
        province = self._places.province_of(region) if region else None
        if region is not None and province is not None:
            yield region
            if service.reach != "city" and province != region:
                yield province
        if service.reach == "nation":
            yield None

    def _may_dial(self, entry: Entry, service: Service, trunk_region: str | None) -> bool:
        if entry.verified is None:
            return False
        if entry.local or entry.number != service.short_code or entry.region is None:
            return True
        return entry.region == trunk_region == self._outbound_region


def _mistakes(yaml: YamlFile, file: _DirectoryFile, places: Places) -> Iterable[str]:
    owners: dict[tuple[str, str | None], str] = {}
    for entry_id, entry in file.entries.items():
        where = ["entries", entry_id]
        service = file.services.get(entry.service)
        if service is None:
            hint = suggestion(entry.service, file.services)
            yield yaml.error([*where, "service"], f"unknown service {entry.service}{hint}")
            continue
        if entry.region is None:
            if service.reach != "nation":
                message = f"{entry.service} is a local line: name the {service.reach}"
                yield yaml.error([*where, "region"], message)
        elif places.province_of(entry.region) is None:
            yield yaml.error([*where, "region"], f"unknown region {entry.region}")
        other = owners.setdefault((entry.service, entry.region), entry_id)
        if other != entry_id:
            yield yaml.error(where, f"{other} is the same line of the same place")
