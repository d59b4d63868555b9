"""Says in plain words what is wrong with an Asterisk that we are to use."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from asterisk.manager import ManagerAuthException, ManagerException

from ivr.asterisk import conf
from ivr.asterisk.ami import Session
from ivr.asterisk.conf_settings import Account, AsteriskSettings
from ivr.asterisk.conf_values import BadValue
from ivr.asterisk.install import OLDEST, Installation, InstallFailed
from ivr.asterisk.ports import holder

RIGHTS = {
    "CoreShowChannels": ("reporting", "see which calls are alive"),
    "PlayDTMF": ("call", "wake waiting calls"),
    "Originate": ("originate", "place calls"),
}
"""What the engine does over AMI, the right it needs, and what for."""

_LOADED = re.compile(r"^\s*load\s*=>?\s*(\S+\.so)", re.MULTILINE)


def check(
    settings: AsteriskSettings,
    accounts: list[Account],
    installation: Installation | None,
    conf_dir: Path,
) -> list[str]:
    """Everything wrong, a line each; empty when all is well."""
    if installation is None:
        return [f"no Asterisk {OLDEST} or later here: `run_ivr.py asterisk install` makes one"]
    return [
        *_program(installation),
        *_modules(installation),
        *_configuration(settings, accounts, installation, conf_dir),
        *_ports(settings),
        *_manager(settings),
    ]


def _program(installation: Installation) -> Iterator[str]:
    try:
        version = installation.version()
    except InstallFailed as error:
        yield str(error)
        return
    if installation.major() < OLDEST:
        yield f"Asterisk {version} is too old: {OLDEST} or later is needed"


def _modules(installation: Installation) -> Iterator[str]:
    wanted = _LOADED.findall((conf.STATIC / "modules.conf").read_text("utf-8"))
    missing = [name for name in wanted if not (installation.modules / name).exists()]
    if missing:
        yield f"modules missing in {installation.modules}: {', '.join(missing)}"


def _configuration(
    settings: AsteriskSettings,
    accounts: list[Account],
    installation: Installation,
    conf_dir: Path,
) -> Iterator[str]:
    try:
        texts = conf.files(settings, accounts, installation, conf_dir)
    except BadValue as error:
        yield f"our settings cannot be written: {error}"
        return
    written = "`run_ivr.py asterisk conf` writes it"
    for name, text in texts.items():
        file = conf_dir / name
        try:
            if file.read_text("utf-8") != text:
                yield f"{file} is not what our settings say: {written}"
            elif file.stat().st_mode & 0o077:
                yield f"{file} can be read by others, and may hold secrets: chmod 600"
        except FileNotFoundError:
            yield f"{file} is missing: {written}"
        except OSError as error:
            yield f"{file} cannot be read: {error.strerror}"
    for folder in (settings.calls_spool, settings.voicemail_spool):
        if not os.access(folder, os.W_OK):
            yield f"{folder} cannot be written: calls that no engine hears of would be lost"
    for sound in (settings.prompts.apology, settings.prompts.stay, settings.prompts.accept):
        if not sound.with_name(sound.name + ".wav").exists():
            yield f"the prompt {sound}.wav is missing: callers would hear nothing"
    beep = settings.sounds / "en/beep.wav"
    if not beep.exists():
        yield f"{beep} is missing: callers would not hear when to speak"
    if not any(settings.music.glob("*.wav")):
        yield f"no music in {settings.music}: callers would wait in silence"


def _ports(settings: AsteriskSettings) -> Iterator[str]:
    for port, purpose in (
        (settings.sip_port, "SIP"),
        (settings.tls_port, "SIP over TLS"),
        (settings.ws_port, "WebSocket"),
        (settings.ami_port, "AMI"),
    ):
        who = holder(port)
        if who is not None and "asterisk" not in map(os.path.basename, who.command.split(" ")):
            named = f"{who.command[:80]} (process {who.pid})" if who.pid else "another user"
            yield f"port {port}, meant for {purpose}, is taken by {named}"


def _manager(settings: AsteriskSettings) -> Iterator[str]:
    where = f"127.0.0.1:{settings.ami_port}"
    session = Session(lambda event: None)
    try:
        session.connect("127.0.0.1", settings.ami_port)
        session.login(settings.ami_user, settings.ami_secret)
        for action, (right, purpose) in RIGHTS.items():
            answer = session.send_action({"Action": action})
            if "permission" in answer.get_header("Message", "").lower():
                yield f"AMI user {settings.ami_user} may not {purpose}: add `{right}` to its write"
    except ManagerAuthException:
        yield f"AMI at {where} refuses {settings.ami_user}: manager.conf holds another secret"
    except ManagerException as error:
        yield f"AMI at {where}: {error}: does Asterisk run, with our manager.conf?"
    finally:
        session.close()
