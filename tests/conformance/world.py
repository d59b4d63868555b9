"""What all conversations share: stations, a directory, people. Each has a store of its own."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from pydantic import SecretStr
from sqlalchemy import Connection

from agents import roster
from agents.roster import Contact, Counselor
from config.database import Store
from config.settings import Settings
from ivr.assembly import Assembly
from ivr.publications import Publications
from routing.directory import Directory
from tests.twilio_stand_in.account import ACCOUNT_SID, AUTH_TOKEN

FOLDER = Path(__file__).parent
SHORT_CODES = FOLDER / "short_codes"
"""Holds the same lines with numbers as a trunk in Guangzhou takes them, but for the duty phone."""
NUMBER = "+862012355000"
ACCESS_NUMBER = "020-12355"
PUBLIC = "https://ivr.example.cn"
ASTERISK = "guangzhou"
HOME = "440100"
TRUNK = "trunk"
ENTRIES = ("110-440100", "12348-44", "duty-440100", "psychology-national")
DUTY_PHONE = "duty-440100"
"""Of the directory; whoever answers it has to accept."""


def counselor(who: str, number: int, topics: tuple[str, ...] = ("law", "psychology")) -> Counselor:
    """Somebody with a telephone on each carrier."""
    return Counselor(
        id=who,
        name=who,
        number=str(number),
        station=HOME,
        topics=frozenset(topics),
        credentials=dict.fromkeys(topics, date(2030, 1, 1)),
        contacts=(Contact("sip", str(number)), Contact("twilio_client", who)),
    )


PEOPLE = (
    *(counselor(who, 8000 + n) for n, who in enumerate(("c1", "c2", "c3", "r1", "r2", "r3"), 1)),
    counselor("chen", 8101, ("law",)),
    counselor("lin", 8102, ("psychology",)),
    counselor("wu", 8103),
)
"""`c1` … are who answers in golden conversations, `r1` … who is rung in vain; the others work."""


@dataclass(frozen=True)
class World:
    """:param template: a migrated database with everybody in it, nobody logged in."""

    shared: Assembly
    publications: Publications
    template: Path

    @classmethod
    def make(cls, folder: Path, trunk: str = TRUNK, sister_lines: Path = FOLDER) -> World:
        settings = Settings(
            data_directory=folder,
            asterisk_name=ASTERISK,
            outbound_trunk=trunk,
            sister_lines_directory=sister_lines,
            twilio_account_sid=ACCOUNT_SID,
            twilio_auth_token=SecretStr(AUTH_TOKEN),
            twilio_assessment="2026-17",
            twilio_public_address=PUBLIC,
            twilio_caller_id=NUMBER,
            twilio_numbers_file=FOLDER / "twilio_numbers.yaml",
        )
        opened = Assembly.open(settings.model_copy(update={"outbound_trunk": ""}))

        def work(connection: Connection) -> None:
            for person in PEOPLE:
                roster.add(connection, person, datetime(2026, 1, 1, tzinfo=UTC))

        opened.store.write(work)
        publications = opened.publications()
        opened.store.close()
        outbound = HOME if trunk else None
        directory = Directory.load(sister_lines, opened.stations.regions, outbound)
        shared = Assembly(settings, opened.store, opened.log, opened.stations, directory)
        return cls(shared, publications, folder / "ivr.db")

    def assembly(self, folder: Path) -> Assembly:
        """The same on a new store in `folder`."""
        folder.mkdir(parents=True)
        shutil.copyfile(self.template, folder / "ivr.db")
        settings = self.shared.settings.model_copy(update={"data_directory": folder})
        shared = self.shared
        store = Store(settings.store)
        return Assembly(settings, store, shared.log, shared.stations, shared.directory)
