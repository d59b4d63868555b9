"""The roster as people write it: roster.yaml, checked, every mistake in one line with its place."""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from agents.roster import Contact, ContactKind, Counselor, Role
from config.topics import Topic
from config.yaml_file import ConfigErrors, Key, YamlFile, suggestion

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")]
Number = Annotated[str, StringConstraints(pattern=r"^\d{3,8}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


_ADDRESS = r"^(\+?[A-Za-z0-9._-]{1,40}|sip:[A-Za-z0-9._-]{1,40}@[A-Za-z0-9.-]{1,80}(:\d{1,5})?)$"


class ContactEntry(BaseModel):
    """`address` may be left out for sip and browser: it is the counselor's number. `trunk`: a
    centre's on another site, for an outside number that is reached only there. `asterisk`: where
    several share the store, the name of the one at which the telephone registers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: ContactKind
    address: Annotated[str, StringConstraints(pattern=_ADDRESS)] | None = None
    trunk: str | None = None
    asterisk: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,40}$")] | None = None

    @model_validator(mode="after")
    def _outside_is_dialable(self) -> Self:
        address = self.address or ""
        if self.kind == "outside" and not (address[:1] == "+" and address[1:].isdecimal()):
            raise ValueError("an outside number is written +86…, with its country code")
        if self.kind == "twilio_client" and not re.fullmatch(r"[A-Za-z0-9_]{1,40}", address):
            raise ValueError("a twilio_client needs its address: letters, figures, _")
        if (self.kind == "sip_uri") is not address.startswith("sip:"):
            raise ValueError("a sip_uri, and nothing else, is written sip:name@host")
        if self.kind != "outside" and self.trunk is not None:
            raise ValueError("only an outside number is dialled on a trunk")
        if self.kind not in ("sip", "browser") and self.asterisk is not None:
            raise ValueError("only sip and browser register at an Asterisk")
        return self


class Entry(BaseModel):
    """One counselor. `credentials`: what is held, to its last day."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    number: Number
    station: str
    role: Role = Role.COUNSELOR
    topics: tuple[str, ...] = ()
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] = ("zh-CN",)
    credentials: Mapping[str, date] = Field(default_factory=dict)
    contacts: Annotated[tuple[ContactEntry, ...], Field(min_length=1)]

    def counselor(self, topics: Mapping[str, Topic]) -> Counselor:
        """With each topic's credential looked up; a topic that asks for none never expires."""
        until: dict[str, date] = {}
        for name in self.topics:
            needed = topics[name].credential
            if needed is None:
                until[name] = date.max
            elif needed in self.credentials:
                until[name] = self.credentials[needed]
        return Counselor(
            id=self.id,
            name=self.name,
            number=self.number,
            station=self.station,
            role=self.role,
            topics=frozenset(self.topics),
            languages=frozenset(self.languages),
            credentials=until,
            contacts=tuple(
                Contact(c.kind, c.address or self.number, c.trunk or "", c.asterisk or "")
                for c in self.contacts
            ),
        )


class _RosterFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    counselors: tuple[Entry, ...]


def load_roster(
    path: Path,
    stations: Container[str],
    topics: Mapping[str, Topic],
    trunks: Collection[str],
) -> list[Counselor]:
    """Everybody in the file. Raises ConfigErrors with every mistake. `trunks`: their names."""
    yaml = YamlFile(path)
    entries = yaml.checked(_RosterFile).counselors
    errors = [
        yaml.error(["counselors", *where], message)
        for where, message in mistakes(entries, stations, topics, trunks)
    ]
    if errors:
        raise ConfigErrors(errors)
    return [entry.counselor(topics) for entry in entries]


def mistakes(
    entries: Sequence[Entry],
    stations: Container[str],
    topics: Mapping[str, Topic],
    trunks: Collection[str],
) -> Iterator[tuple[list[Key], str]]:
    """What only shows when entries are seen together with stations, topics, trunks and each
    other."""
    ids: dict[str, str] = {}
    numbers: dict[str, str] = {}
    known_credentials = {topic.credential for topic in topics.values() if topic.credential}
    for index, entry in enumerate(entries):
        if entry.id in ids:
            yield [index, "id"], f"{entry.id} is also {ids[entry.id]}'s"
        if entry.number in numbers:
            yield [index, "number"], f"{entry.number} is also {numbers[entry.number]}'s"
        ids[entry.id] = numbers[entry.number] = entry.name
        if entry.station not in stations:
            yield [index, "station"], f"no station {entry.station}"
        for topic in entry.topics:
            if topic not in topics:
                yield [index, "topics"], f"no topic {topic}{suggestion(topic, topics)}"
        for name in entry.credentials:
            if name not in known_credentials:
                near = suggestion(name, known_credentials)
                yield [index, "credentials", name], f"no topic asks for this credential{near}"
        for topic in entry.topics:
            needed = topics[topic].credential if topic in topics else None
            if needed is not None and needed not in entry.credentials:
                yield [index, "topics"], f"{topic} needs the credential {needed}"
        for place, contact in enumerate(entry.contacts):
            if contact.trunk is not None and contact.trunk not in trunks:
                near = suggestion(contact.trunk, trunks)
                yield [index, "contacts", place, "trunk"], f"no trunk {contact.trunk}{near}"
