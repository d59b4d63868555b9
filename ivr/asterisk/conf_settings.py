"""What Asterisk's configuration is made of (`conf.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Trunk:
    """A neighbour's line: the telephone network, a centre on another site, the 12345 exchange.

    :param name: names the trunk in `number@name`.
    :param access_number: which station's callers come in here, `02012355`. Calls for it and for
        12355 are the station's; any other number dialled is passed on as it was dialled.
    :param sources: addresses or networks whose calls are this trunk's.
    :param peer: `host:port` where calls go out.
    """

    name: str
    access_number: str
    sources: tuple[str, ...]
    peer: str
    transport: Literal["udp", "tcp", "tls"] = "udp"


@dataclass(frozen=True, slots=True)
class Account:
    """A counselor's telephone: `number` as in the roster."""

    number: str
    kind: Literal["sip", "browser"]
    secret: str

    @property
    def name(self) -> str:
        """What the telephone logs in with, and what is dialled: `sip-1001`. Never a bare number:
        a caller with that number would be taken for the counselor."""
        return f"{self.kind}-{self.number}"


@dataclass(frozen=True, slots=True)
class Caller:
    """A telephone that calls in on `trunk` as the network would: for trying the line."""

    name: str
    trunk: str
    secret: str


@dataclass(frozen=True, slots=True)
class LastResortPrompts:
    """Files, without their ending, that the dialplan speaks when no engine can."""

    apology: Path
    stay: Path
    accept: Path


@dataclass(frozen=True, slots=True)
class AsteriskSettings:
    """One Asterisk.

    :param directory: holds all that Asterisk writes, and the sounds and music we make.
    :param name: begins the id of every call; differs among Asterisks that share a store.
    :param engines: FastAGI addresses, `host:port`.
    :param fallback: who is rung where no engine serves: an account's name or `number@trunk`.
    :param duty_phones: the same for a caller in danger.
    :param short_number: the access number of callers whose line tells no place.
    :param patience_seconds: how long a caller waits for an engine to come back.
    """

    directory: Path
    ami_secret: str
    prompts: LastResortPrompts
    trunks: tuple[Trunk, ...]
    name: str = "asterisk"
    engines: tuple[str, ...] = ("127.0.0.1:4573",)
    bind: str = "127.0.0.1"
    sip_port: int = 5060
    tls_port: int = 5061
    ws_port: int = 8088
    ami_port: int = 5038
    ami_user: str = "engine"
    rtp_ports: tuple[int, int] = (10000, 20000)
    fallback: tuple[str, ...] = ()
    duty_phones: tuple[str, ...] = ()
    short_number: str = "12355"
    patience_seconds: int = 15
    ring_seconds: int = 30
    callers: tuple[Caller, ...] = ()

    @property
    def calls_spool(self) -> Path:
        """A file each call that no engine heard the end of."""
        return self.directory / "spool/calls"

    @property
    def voicemail_spool(self) -> Path:
        return self.directory / "spool/voicemail"

    @property
    def music(self) -> Path:
        return self.directory / "music"

    @property
    def sounds(self) -> Path:
        return self.directory / "sounds"
