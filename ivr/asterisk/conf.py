"""Writes Asterisk's whole configuration from our own settings and roster.

What never changes is kept as Asterisk reads it, under `etc/`; this module adds what our settings
decide. Every value that reaches a line is checked first (`conf_values`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ivr.asterisk.certificate import write_certificate
from ivr.asterisk.conf_settings import Account, AsteriskSettings
from ivr.asterisk.conf_values import (
    BadValue,
    section,
    valid_address,
    valid_host_port,
    valid_name,
    valid_network,
    valid_number,
    valid_one_of,
    valid_path,
    valid_port,
    valid_secret,
)
from ivr.asterisk.install import Installation
from recordings.music import write_tones

STATIC = Path(__file__).with_name("etc")
CALLER_PAGE = "caller-page"
"""What calls from the callers' page come as."""
LONGEST_SOCKET_PATH = 107
"""Of a Unix socket's address, Asterisk's control socket among them."""


def files(
    settings: AsteriskSettings,
    accounts: Iterable[Account],
    installation: Installation,
    conf_dir: Path,
) -> dict[str, str]:
    """The text of every configuration file by its name.

    :raises BadValue: a value that cannot stand in a line; says which.
    """
    return {
        **{path.name: path.read_text("utf-8") for path in sorted(STATIC.glob("*.conf"))},
        "asterisk.conf": _asterisk(settings, installation, conf_dir),
        "manager.conf": _manager(settings),
        "http.conf": _http(settings),
        "rtp.conf": _rtp(settings),
        "musiconhold.conf": _music(settings),
        "line.conf": _line(settings),
        "accounts.conf": _accounts(settings, accounts),
    }


def write(
    settings: AsteriskSettings,
    accounts: Iterable[Account],
    installation: Installation,
    conf_dir: Path,
) -> list[str]:
    """Write the files into `conf_dir` and make the folders they name; gives the names of those
    that changed. Only their owner may read them: they hold secrets."""
    texts = files(settings, accounts, installation, conf_dir)
    for folder in (
        conf_dir,
        *(settings.directory / name for name in ("run", "log", "lib", "spool", "keys")),
        settings.calls_spool,
        settings.voicemail_spool,
        settings.music,
        settings.sounds / "en",
    ):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    documentation = settings.directory / "documentation"
    documentation.unlink(missing_ok=True)
    documentation.symlink_to(installation.documentation)
    write_certificate(settings.directory / "keys", settings.bind, datetime.now(UTC))
    write_tones(settings.sounds / "en", settings.music)
    changed = []
    for name, text in texts.items():
        path = conf_dir / name
        if path.exists() and path.read_text("utf-8") == text:
            continue
        new = path.with_name(f".{name}.new")
        new.unlink(missing_ok=True)
        with open(
            os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
        ) as out:
            out.write(text)
        new.replace(path)
        changed.append(name)
    return changed


def dial_strings(places: Sequence[str]) -> str:
    """What Dial is told to ring `sip-1001` or `13800138000@guangzhou`, all at once. Numbers
    outside go through a context of their own, in which whoever answers has to press 1."""
    rung = []
    for place in places:
        number, at, trunk = place.partition("@")
        if at:
            rung.append(f"Local/{valid_number(number)}@outside-{valid_name(trunk)}")
        else:
            rung.append(f"PJSIP/{valid_name(place)}")
    return "&".join(rung)


# The files that our settings decide.


def _asterisk(settings: AsteriskSettings, installation: Installation, conf_dir: Path) -> str:
    control = settings.directory / "run/asterisk.ctl"
    if len(str(control)) > LONGEST_SOCKET_PATH:
        raise BadValue(f"{control} is too long for a control socket")
    directories = {
        "astetcdir": conf_dir,
        "astmoddir": installation.modules,
        "astvarlibdir": settings.directory / "lib",
        "astdbdir": settings.directory / "lib",
        "astkeydir": settings.directory,
        "astdatadir": settings.directory,
        "astagidir": settings.directory / "lib",
        "astspooldir": settings.directory / "spool",
        "astrundir": settings.directory / "run",
        "astlogdir": settings.directory / "log",
    }
    lines = [f"{name} => {valid_path(path)}" for name, path in directories.items()]
    return section("directories", lines) + section(
        "options",
        [
            f"systemname = {valid_name(settings.name)}",
            "live_dangerously = no",
            "transmit_silence = yes",
            "hideconnect = yes",
            "nocolor = yes",
        ],
    )


def _manager(settings: AsteriskSettings) -> str:
    """`call` lets the engine press keys and read variables, `reporting` list the channels,
    `originate` place calls; `system` tells when Asterisk is ready. It may run nothing, read no
    keys."""
    return section(
        "general",
        [
            "enabled = yes",
            "webenabled = no",
            "bindaddr = 127.0.0.1",
            f"port = {valid_port(settings.ami_port)}",
        ],
    ) + section(
        valid_name(settings.ami_user),
        [
            f"secret = {valid_secret(settings.ami_secret)}",
            "deny = 0.0.0.0/0.0.0.0",
            "permit = 127.0.0.1/255.255.255.255",
            "read = system,call,dtmf",
            "write = call,reporting,originate",
            # A call makes two dozen events, of which the engine wants one, one placed a second.
            "eventfilter = Event: BridgeEnter",
            "eventfilter = Event: DTMFEnd",
            "eventfilter = Event: FullyBooted",
            "eventfilter = Event: OriginateResponse",
        ],
    )


def _http(settings: AsteriskSettings) -> str:
    """On loopback whatever the telephones' address is: browsers come through the console's TLS,
    which lets in those that may."""
    return section(
        "general",
        [
            "enabled = yes",
            "enable_static = no",
            "enable_status = no",
            "bindaddr = 127.0.0.1",
            f"bindport = {valid_port(settings.ws_port)}",
            # Each browser has one as long as it is connected; Asterisk's default is 100.
            "sessionlimit = 2000",
        ],
    )


def _rtp(settings: AsteriskSettings) -> str:
    first, last = settings.rtp_ports
    if valid_port(first) >= valid_port(last):
        raise BadValue(f"RTP ports {first} to {last} are no range")
    return section("general", [f"rtpstart = {first}", f"rtpend = {last}"])


def _music(settings: AsteriskSettings) -> str:
    return section("default", ["mode = files", f"directory = {valid_path(settings.music)}"])


def _line(settings: AsteriskSettings) -> str:
    if not settings.engines:
        raise BadValue("no engine's address is set")
    variables = {
        # A hang-up is told by `h` alone, never in the middle of an AGI reply.
        "AGISIGHUP": "no",
        "ENGINES": str(len(settings.engines)),
        **{f"ENGINE_{n}": valid_host_port(engine) for n, engine in enumerate(settings.engines)},
        "ENGINE": "0",
        "TRIED": "0",
        "PATIENCE": str(int(settings.patience_seconds)),
        "RING": str(int(settings.ring_seconds)),
        "FALLBACK": dial_strings(settings.fallback),
        "DUTY": dial_strings(settings.duty_phones or settings.fallback),
        "SHORT_NUMBER": valid_number(settings.short_number),
        "SPOOL": valid_path(settings.directory / "spool"),
        "APOLOGY": valid_path(settings.prompts.apology),
        "STAY": valid_path(settings.prompts.stay),
        "ACCEPT": valid_path(settings.prompts.accept),
    }
    text = section("globals", [f"{name} = {value}" for name, value in variables.items()])
    for trunk in settings.trunks:
        name, number = valid_name(trunk.name), valid_number(trunk.access_number)
        goto = " same => n,Goto(call,s,1)"
        text += section(
            f"from-trunk-{name}",
            [
                "include => hung-up",
                *(
                    line
                    for dialled in sorted({"12355", number})
                    for line in (
                        f"exten => {dialled},1,MSet(ACCESS={number},TRUNK={name})",
                        goto,
                    )
                ),
                f"exten => _[+*#0-9]!,1,MSet(ACCESS=${{FILTER(0-9+*#,${{EXTEN}})}},TRUNK={name})",
                goto,
                f"exten => s,1,Set(TRUNK={name})",
                goto,
            ],
        )
        text += section(
            f"outside-{name}",
            [
                f"exten => _[+0-9]!,1,Dial(PJSIP/${{EXTEN}}@{name},,U(accept))",
                ' same => n,Hangup(${IF($["${DIALSTATUS}" = "ANSWER"]?19:${HANGUPCAUSE})})',
            ],
        )
    return text


def _accounts(settings: AsteriskSettings, accounts: Iterable[Account]) -> str:
    bind = valid_address(settings.bind)
    keys = settings.directory / "keys"
    # Without this, RTP would be heard on every address.
    media = (
        []
        if bind in ("0.0.0.0", "[::]")
        else [f"media_address = {bind.strip('[]')}", "bind_rtp_to_media_address = yes"]
    )
    text = ""
    for protocol, port in (
        ("udp", settings.sip_port),
        ("tcp", settings.sip_port),
        ("tls", settings.tls_port),
    ):
        lines = ["type = transport", f"protocol = {protocol}", f"bind = {bind}:{valid_port(port)}"]
        if protocol == "tls":
            lines += [
                "method = tlsv1_2",
                f"cert_file = {valid_path(keys / 'certificate.pem')}",
                f"priv_key_file = {valid_path(keys / 'private.pem')}",
            ]
        text += section(f"transport-{protocol}", lines)
    # A busy machine is slow to read; after 100 ms, the default, the browser would be cut off.
    ws = ["type = transport", "protocol = ws", f"bind = {bind}", "websocket_write_timeout = 2000"]
    text += section("transport-ws", ws)
    for trunk in settings.trunks:
        name = valid_name(trunk.name)
        text += section(
            name,
            [
                f"context = from-trunk-{name}",
                f"aors = {name}",
                # The network refuses foreign numbers, and nobody outside need see the caller's.
                f"from_user = {valid_number(trunk.access_number)}",
                *media,
            ],
            "trunk",
        )
        # Said in the address alone: a neighbour that calls in over another is answered there.
        over = valid_one_of(trunk.transport, "udp", "tcp", "tls")
        transport = "" if over == "udp" else f"\\;transport={over}"
        text += section(
            name, ["type = aor", f"contact = sip:{valid_host_port(trunk.peer)}{transport}"]
        )
        text += section(
            f"{name}-sources",
            [
                "type = identify",
                f"endpoint = {name}",
                *(f"match = {valid_network(source)}" for source in trunk.sources),
            ],
        )
    text += section(CALLER_PAGE, media, "page-caller")
    for caller in settings.callers:
        name = valid_name(caller.name)
        login = [f"username = {name}", f"password = {valid_secret(caller.secret)}"]
        lines = [
            f"context = from-trunk-{valid_name(caller.trunk)}",
            f"auth = {name}",
            f"aors = {name}",
        ]
        text += section(name, [*lines, *media], "caller-phone")
        text += section(name, login, "phone-login")
        text += section(name, [], "phone-contact")
    for account in accounts:
        name = valid_name(account.name)
        kind = valid_one_of(account.kind, "sip", "browser")
        login = [f"username = {name}", f"password = {valid_secret(account.secret)}"]
        text += section(name, [f"auth = {name}", f"aors = {name}", *media], f"{kind}-phone")
        text += section(name, login, "phone-login")
        text += section(name, [], "phone-contact")
    return text
