"""What a deployment wrote wrongly keeps the line from starting, and is told in one line; whose
an order is when shifts end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection

from agents import presence
from config.settings import CONFIG, Settings
from config.yaml_file import ConfigErrors
from ivr.assembly import Assembly
from ivr.serve import nobody_left, not_rung_in_danger
from tests.orders import open_order
from workorders.views import order_view

TRUNK = '  - {name: %s, access_number: "%s", sources: [192.0.2.1], peer: "192.0.2.1:5060"}\n'


def settings(folder: Path, *trunks: tuple[str, str], outbound_trunk: str = "") -> Settings:
    file = folder / "trunks.yaml"
    file.write_text("trunks:\n" + "".join(TRUNK % trunk for trunk in trunks), encoding="utf-8")
    return Settings(data_directory=folder, trunks_file=file, outbound_trunk=outbound_trunk)


def test_a_misspelt_outbound_trunk_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        Assembly.open(settings(tmp_path, ("guangzhou", "020-12355"), outbound_trunk="guangzou"))
    (told,) = caught.value.errors
    assert told.startswith(f"IVR_OUTBOUND_TRUNK: {tmp_path / 'trunks.yaml'} has no trunk guangzou")
    assert told.endswith("(did you mean guangzhou?)")


def test_a_trunk_whose_callers_nobody_would_serve_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"trunks.yaml:2: .*no station has 020-12345"):
        Assembly.open(settings(tmp_path, ("guangzhou", "020-12345")))


NIGHT = datetime(2026, 6, 8, 13, 1, tzinfo=UTC)
"""A minute after the shift of gz-chen, at 21:01."""


def test_when_a_shift_is_over_its_orders_are_the_duty_leads(tmp_path: Path) -> None:
    assembly = Assembly.open(Settings(data_directory=tmp_path))
    log, evening = assembly.log, NIGHT - timedelta(hours=1)
    assembly.import_roster(evening)
    shifts = assembly.shifts()

    def answered(connection: Connection, call_id: str, who: str, **columns: object) -> str:
        order_no = open_order(
            log, connection, call_id=call_id, at=evening, channel="asterisk",
            access_number="020-12355",
            caller_id=None, id_trust="withheld", fields={"station_home": "440100"},
        )  # fmt: skip
        log.append(connection, order_no, "answered", evening, f"counselor:{who}", {}, **columns)
        return order_no

    def told(order_no: str) -> tuple[str, str | None]:
        view = assembly.store.read(lambda c: order_view(c, log.keys, order_no))
        return view["handler"], view["events"][-1]["data"].get("duty_lead")

    write = assembly.store.write
    open_one = write(lambda c: answered(c, "1", "gz-chen", station_answering="440100"))
    away = write(lambda c: answered(c, "2", "gz-chen", station_answering="centre-guangdong"))
    closed = write(lambda c: answered(c, "3", "gz-chen"))
    for kind in ("answered_directly", "closed"):
        write(lambda c, k=kind: log.append(c, closed, k, evening, "x", {}))
    others = write(lambda c: answered(c, "4", "gz-huang"))

    assert assembly.release_handlers(shifts, evening) == 0
    write(lambda c: presence.log_in(c, "gz-chen", evening))
    assert assembly.release_handlers(shifts, NIGHT) == 0, "working on beyond the shift"
    write(lambda c: presence.log_out(c, "gz-chen", NIGHT))
    assert assembly.release_handlers(shifts, NIGHT) == 2
    assert assembly.release_handlers(shifts, NIGHT) == 0
    assert told(open_one) == ("station:440100", "counselor:gz-huang")
    assert told(away) == ("station:centre-guangdong", None)
    assert told(closed)[0] == "counselor:gz-chen"
    assert told(others)[0] == "counselor:gz-huang"
    assert assembly.duty_lead(shifts, "440300") == "gd-liang", "the province's"
    assembly.store.close()


def test_a_deployment_without_a_last_resort_is_told_whom_it_leaves_alone(tmp_path: Path) -> None:
    told = nobody_left(Settings(data_directory=tmp_path))
    assert [line.split(":")[1].strip() for line in told] == [
        "set IVR_LAST_RESORT_NUMBER",
        "set IVR_CRISIS_LAST_RESORT_NUMBER",
    ]
    complete = Settings(
        data_directory=tmp_path, last_resort_number="8101", crisis_last_resort_number="8109"
    )
    assert nobody_left(complete) == []
    both = complete.model_copy(update={"twilio_account_sid": "AC" + "1" * 32})
    assert [line.split(":")[1].strip() for line in nobody_left(both)] == [
        "set IVR_TWILIO_FALLBACK_NUMBERS"
    ]
    numbers = {"twilio_fallback_numbers": "+8613900001111, +8613900002222,+8613900001111"}
    whole = both.model_copy(update=numbers)
    assert nobody_left(whole) == []
    assert whole.twilio_fallback == ["+8613900001111", "+8613900002222"]


ENTRY = '  %s: {service: %s, region: %s, number: "%s", verified: 2026-01-01}'
LINE_12356 = ENTRY % ("psych", "psychology", "null", "+861012356000")
SHORT_12356 = LINE_12356.replace("+861012356000", "12356")
DUTY = ENTRY % ("duty", "duty_phone", '"440100"', "+8613900009000")


@pytest.mark.parametrize(
    ("entries", "missing"),
    [
        ((DUTY, LINE_12356), "duty_phone (027-12355)"),
        ((DUTY.replace('"440100"', "null"), LINE_12356), None),
        (
            (DUTY, SHORT_12356),
            "duty_phone (027-12355); psychology (020-12355, 027-12355)",
        ),
        (
            (DUTY.replace("2026-01-01", "null"), LINE_12356),
            "duty_phone (020-12355, 027-12355)",
        ),
    ],
)
def test_what_twilio_cannot_ring_for_a_caller_in_danger_is_told_in_a_line(
    tmp_path: Path, entries: tuple[str, ...], missing: str | None
) -> None:
    services = (CONFIG / "directory.yaml").read_text("utf-8").split("entries:")[0]
    (tmp_path / "directory.yaml").write_text("\n".join([services, "entries:", *entries]), "utf-8")
    numbers = tmp_path / "numbers.yaml"
    numbers.write_text(
        "numbers:\n"
        '  - {number: "+862012355000", access_number: 020-12355}\n'
        '  - {number: "+862012355001", access_number: 020-12355}\n'
        '  - {number: "+862712355000", access_number: 027-12355}\n'
    )
    own = Settings(
        data_directory=tmp_path,
        sister_lines_directory=tmp_path,
        twilio_numbers_file=numbers,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=SecretStr("token"),
        twilio_assessment="2026-17",
        twilio_public_address="https://ivr.example.cn",
        twilio_caller_id="+862012355000",
    )
    assembly = Assembly.open(own)
    told = not_rung_in_danger(assembly)
    assembly.store.close()
    assert len(told) == (missing is not None)
    assert all(f"directory.yaml for {missing}: " in line for line in told)


def test_without_twilio_nothing_is_asked_of_it(tmp_path: Path) -> None:
    assembly = Assembly.open(Settings(data_directory=tmp_path))
    assert not_rung_in_danger(assembly) == []
    assembly.store.close()
