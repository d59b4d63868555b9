"""This deployment's Asterisk: from our settings, roster and trunks to its configuration."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from agents import roster
from config.settings import LOOPBACK, Settings
from config.trunks import load_trunks
from ivr.assembly import Assembly
from ivr.asterisk import conf
from ivr.asterisk.browser_phones import browser_password
from ivr.asterisk.conf_settings import Account, AsteriskSettings, Caller, LastResortPrompts, Trunk
from ivr.asterisk.conf_values import BadValue
from ivr.asterisk.install import Installation
from ivr.asterisk.kept_secrets import kept_secret
from recordings.prompts import PromptCache

LANGUAGE = "zh-CN"
APOLOGY = (
    "对不起，线路有故障，暂时不能接通。请在提示音后留言，说说怎样联系你才安全。情况紧急请按星号键。"
)
STAY = "请别挂断，还在为你接通。受伤可拨120，有人伤害你可拨110。"
ACCEPT = "12355有来电，接听请按1。"
SPOKEN = ((APOLOGY, LANGUAGE), (STAY, LANGUAGE), (ACCEPT, LANGUAGE))
"""What the dialplan says where no engine can."""


def ami_secret(settings: Settings) -> str:
    """The configured secret, else the one made at the first start and kept in a file of ours."""
    if settings.ami_secret is not None:
        return settings.ami_secret.get_secret_value()
    return kept_secret(settings.data_directory / "keys-ami")


def caller_secret(settings: Settings) -> str:
    """The password of the telephones from which a demonstration is called."""
    return kept_secret(settings.data_directory / "keys-caller")


def sister_line_secret(settings: Settings) -> str:
    """The password of the sister lines that are phones of this server."""
    return kept_secret(settings.data_directory / "keys-sister-lines")


def asterisk_settings(
    settings: Settings, desks: Iterable[Account], callers: bool
) -> AsteriskSettings:
    """:param desks: everybody's telephones.
    :param callers: one telephone for each trunk to call from, for trying the line. Raises BadValue.
    """
    prompts = PromptCache(settings.prompts_directory, settings.recorded_prompts_directory)

    def spoken(text: str) -> Path:
        return prompts.file(text, LANGUAGE)

    trunks = tuple(
        Trunk(t.name, _digits(t.access_number), t.sources, t.peer, t.transport)
        for t in load_trunks(settings.trunks_file)
    )
    secret = caller_secret(settings) if callers else ""
    return AsteriskSettings(
        directory=settings.asterisk_files,
        ami_secret=ami_secret(settings),
        prompts=LastResortPrompts(spoken(APOLOGY), spoken(STAY), spoken(ACCEPT)),
        trunks=trunks,
        name=settings.asterisk_name,
        engines=(f"{LOOPBACK}:{settings.fastagi_port}",),
        bind=settings.bind_address,
        sip_port=settings.sip_port,
        tls_port=settings.sip_tls_port,
        ws_port=settings.sip_ws_port,
        ami_port=settings.ami_port,
        ami_user=settings.ami_user,
        rtp_ports=(settings.rtp_first_port, settings.rtp_last_port),
        short_number=_digits(settings.default_access_number),
        fallback=_places(settings, settings.last_resort_number, desks),
        duty_phones=_places(settings, settings.crisis_last_resort_number, desks),
        callers=tuple(Caller(f"caller-{t.name}", t.name, secret) for t in trunks if callers),
    )


def accounts(assembly: Assembly) -> list[Account]:
    """The telephones of everybody in the roster, and the sister lines that are phones here."""
    people = assembly.store.read(roster.sip_accounts)
    settings = assembly.settings
    found = []
    for person in people:
        if "sip" in person.kinds:
            found.append(Account(person.number, "sip", person.secret))
        if "browser" in person.kinds:
            password = browser_password(settings, person.number)
            found.append(Account(person.number, "browser", password))
    theirs = {account.number for account in found if account.kind == "sip"}
    lines = [number for number in assembly.directory.local() if number not in theirs]
    secret = sister_line_secret(settings) if lines else ""
    return [*found, *(Account(number, "sip", secret) for number in lines)]


def write_conf(
    assembly: Assembly, installation: Installation, conf_dir: Path, callers: bool
) -> list[str]:
    """Write the configuration; names of the files that changed. Raises BadValue, OSError."""
    desks = accounts(assembly)
    return conf.write(
        asterisk_settings(assembly.settings, desks, callers), desks, installation, conf_dir
    )


def _places(settings: Settings, number: str, desks: Iterable[Account]) -> tuple[str, ...]:
    """Where the dialplan rings by itself: the telephones of a desk, or a number outside. Raises
    BadValue for one that no trunk leads to."""
    if not number:
        return ()
    phones = tuple(desk.name for desk in desks if desk.number == number)
    if phones:
        return phones
    if not settings.outbound_trunk:
        raise BadValue(f"{number} is no desk's number, and there is no outbound trunk")
    return (f"{number}@{settings.outbound_trunk}",)


def _digits(access_number: str) -> str:
    return access_number.replace("-", "")
