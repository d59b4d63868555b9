"""What is dialled for an offer is built from our own store alone."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from agents import presence, roster
from agents.roster import Contact, Counselor
from config.settings import CONFIG, Settings
from ivr.assembly import Assembly
from ivr.asterisk.provisions import Provisions
from recordings.prompts import PromptCache
from routing.queues import Queues, Reserved

AT = datetime(2026, 6, 8, 4, 0, tzinfo=UTC)
ELSEWHERE = Contact("outside", "+862787654321", "wuhan")
ON_THE_NETWORK = Contact("outside", "+8613800138000")


@pytest.mark.parametrize(
    ("outbound_trunk", "dialled"),
    [
        ("guangzhou", {"sip-8301", "+862787654321@wuhan", "+8613800138000@guangzhou"}),
        ("", {"sip-8301", "+862787654321@wuhan"}),
    ],
)
def test_an_outside_number_leaves_on_its_own_trunk(
    tmp_path: Path, outbound_trunk: str, dialled: set[str]
) -> None:
    assembly = Assembly.open(
        Settings(
            data_directory=tmp_path,
            trunks_file=CONFIG / "demo" / "trunks.yaml",
            outbound_trunk=outbound_trunk,
        )
    )
    who = Counselor(
        id="x",
        name="新",
        number="8301",
        station="440100",
        topics=frozenset({"law"}),
        credentials={"law": date.max},
        contacts=(Contact("sip", "8301"), ELSEWHERE, ON_THE_NETWORK),
    )

    def reserved(connection: Connection) -> str:
        roster.add(connection, who, AT)
        presence.log_in(connection, "x", AT)
        held = Queues(assembly.stations).join(
            connection, call_id="a", order_no="1", topic="law", language="zh-CN", priority=1,
            home="440100", kinds=frozenset({"sip", "outside"}), node="asterisk", at=AT,
        ).answer  # fmt: skip
        assert isinstance(held, Reserved)
        return held.offer_id

    offer = assembly.store.write(reserved)
    prompts = PromptCache(tmp_path / "prompts")
    provisions = Provisions(assembly, assembly.controller("one", print), prompts)
    assert {phone.address for phone in provisions.contacts("a", offer)} == dialled
    assembly.store.close()
