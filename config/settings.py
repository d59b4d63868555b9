"""Where this installation's parts are and how they are reached: `IVR_…` environment variables.

What belongs to a station (ring time, wrap-up …) is in stations.yaml. Every address is loopback
unless told otherwise.
"""

from __future__ import annotations

import os
import re
import socket
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from config.yaml_file import suggestion

LOOPBACK = "127.0.0.1"
CONFIG = Path(__file__).resolve().parent

Port = Annotated[int, Field(ge=1, le=65535)]

PORTS = (
    "fastagi_port",
    "ami_port",
    "sip_port",
    "sip_tls_port",
    "sip_ws_port",
    "twilio_port",
    "console_port",
)


class SettingsError(Exception):
    """What is wrong with the environment, a line for each variable."""


def host_name() -> str:
    """The host's own name without its domain, as far as it can stand in a call's id."""
    name = socket.gethostname().partition(".")[0].lower()
    return re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:40] or "asterisk"


class Settings(BaseSettings):
    """Read from the environment; `Settings.read()` tells mistakes in plain lines."""

    model_config = SettingsConfigDict(env_prefix="IVR_", frozen=True)

    data_directory: Path = CONFIG.parent / "var"
    store_url: str = ""
    """`sqlite:///…` or `postgresql+psycopg://…`; empty: a database in the data directory."""

    bind_address: str = "127.0.0.1"
    """Where telephones reach us: SIP, sound; sound of browsers, too."""
    asterisk: bool = True
    """off: a station without Asterisk, whose calls come by Twilio alone. None is installed, started
    or connected to."""
    fastagi_port: Port = 4573
    """Without Asterisk, too: the supervisor asks here for the engine's sign of life."""
    asterisk_name: str = Field(default_factory=host_name, pattern=r"^[a-z0-9-]{1,40}$")
    """Begins the id of every call here; unset: from the host's name. Several machines on one
    store need different ones, and each must keep its own: open calls are ended by it alone."""
    ami_port: Port = 5038
    ami_user: str = "ivr"
    ami_secret: SecretStr | None = None
    """None: made at the first start and kept in the data directory."""
    sip_port: Port = 5060
    """UDP and TCP."""
    sip_tls_port: Port = 5061
    sip_ws_port: Port = 8088
    """Asterisk's WebSocket, always on loopback: the console passes browsers on to it."""
    rtp_first_port: Port = 10000
    rtp_last_port: Port = 10999

    stations_directory: Path = CONFIG
    """Holds regions.yaml, stations.yaml, topics.yaml."""
    sister_lines_directory: Path = CONFIG
    """Holds directory.yaml."""
    roster_file: Path = CONFIG / "roster.yaml"
    shifts_file: Path = CONFIG / "shifts.yaml"
    trunks_file: Path = CONFIG / "trunks.yaml"
    flows_directory: Path = CONFIG.parent / "callflows" / "library"
    entry_flow: str = "12355"
    knowledge_directory: Path = CONFIG / "knowledge"
    """The cards of the console's scripts and knowledge, Markdown."""
    recorded_prompts_directory: Path | None = None
    """People's own recordings, `<prompt>.<language>.wav`; they win over synthesis."""
    asterisk_root: Path | None = None
    """Where a private install is; None: in the data directory. With none there, the host's own
    Asterisk."""

    twilio_account_sid: str = Field(default="", pattern=r"^(AC[0-9a-f]{32})?$")
    """Empty: Twilio is off. Its servers are abroad and so would be minors' voices: switching it on
    in mainland use needs a recorded assessment."""
    twilio_auth_token: SecretStr | None = None
    """Signs Twilio's requests to us and ours to Twilio."""
    twilio_shared_key: SecretStr | None = None
    """The secret that signs Twilio's requests to us instead, where the account is so set."""
    twilio_api_key_sid: str = Field(default="", pattern=r"^(SK[0-9a-f]{32})?$")
    """Signs the access tokens of counselors' browsers; empty: Twilio rings no browser."""
    twilio_api_key_secret: SecretStr | None = None
    twilio_assessment: str = ""
    """The file number of the recorded assessment (个人信息保护影响评估) that allows it."""
    twilio_public_address: str = ""
    """How Twilio reaches us, `https://ivr.example.cn`, whatever proxies stand between."""
    twilio_port: Port = 8090
    """Where we listen for Twilio, on loopback: a proxy with a certificate stands before it."""
    twilio_caller_id: str = Field(default="", pattern=r"^(\+[0-9]{6,15})?$")
    """The number shown to telephones outside that Twilio rings for us; one of the account's."""
    twilio_numbers_file: Path = CONFIG / "twilio_numbers.yaml"
    twilio_fallback_numbers: str = ""
    """Rung by Twilio alone, one after the other, when this server can't serve a caller; E.164, a
    comma between two. Asterisk's last resort is a setting of its own: it may be a desk."""

    console_address: str = LOOPBACK
    """Where browsers reach the console: an IP address of this machine, 0.0.0.0 for all of them."""
    console_port: Port = 8443
    """Always TLS."""
    console_certificate_directory: Path | None = None
    """Holds certificate.pem (with its chain) and private.pem; None: made by ourselves, in the data
    directory, and unknown to browsers."""

    caller_page_origins: str = ""
    """Whose pages may show the callers' page within theirs, `https://school.example.cn`; a comma
    between two. Empty: nobody's but ours."""
    caller_page_calls: int = Field(default=100, ge=0)
    """Calls from that page at once, of everybody together; 0: it offers none."""
    caller_page_leave_to: str = "https://www.weather.com.cn/"
    """Where 快速离开 on the callers' page leads at once: a page that tells nothing of them."""
    ice_server_urls: str = ""
    """STUN and TURN servers for browsers elsewhere than in our network, `stun:stun.example.cn:3478`
    or `turns:…`, a comma between two."""
    turn_secret: SecretStr | None = None
    """Shared with the TURN servers (coturn: static-auth-secret); passwords are made of it."""

    default_access_number: str = "12355"
    """For calls whose trunk tells none."""
    outbound_trunk: str = ""
    """The trunk that Asterisk dials outside numbers on; empty: it dials none."""
    last_resort_number: str = ""
    """Rung by the dialplan alone when no engine can serve a caller; empty: voicemail."""
    crisis_last_resort_number: str = ""
    """The same for a call in crisis: a duty phone."""

    @classmethod
    def read(cls) -> Settings:
        """Raises SettingsError with a line for each variable that is wrong or unknown."""
        known = ["IVR_" + name.upper() for name in cls.model_fields]
        lines = [
            f"{name}: unknown setting{suggestion(name, known)}"
            for name in sorted(os.environ)
            if name.startswith("IVR_") and name not in known
        ]
        try:
            settings = cls()
        except ValidationError as error:
            for problem in error.errors():
                name = "IVR_" + str(problem["loc"][0]).upper() if problem["loc"] else "IVR_*"
                message = problem["msg"].removeprefix("Value error, ")
                lines.append(f"{name}: {message}")
        if lines:
            raise SettingsError("\n".join(lines))
        return settings

    @field_validator("data_directory", "asterisk_root", "console_certificate_directory")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.absolute() if path is not None else None

    @field_validator("store_url")
    @classmethod
    def _known_store(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must begin with sqlite:/// or postgresql+psycopg://")
        return url

    @field_validator("last_resort_number", "crisis_last_resort_number")
    @classmethod
    def _dialable(cls, number: str) -> str:
        if number and not number.removeprefix("+").isdecimal():
            raise ValueError("must be digits, with + before a country code, or empty")
        return number

    @field_validator("twilio_fallback_numbers")
    @classmethod
    def _written_for_twilio(cls, numbers: str) -> str:
        for number in numbers.split(",") if numbers else []:
            if not re.fullmatch(r"\+[0-9]{6,15}", number.strip()):
                raise ValueError("must be numbers written +86…, with a comma between two, or empty")
        return numbers

    @field_validator("ice_server_urls")
    @classmethod
    def _stun_or_turn(cls, urls: str) -> str:
        for url in urls.split(",") if urls else []:
            if not re.fullmatch(
                r"(stun|turn)s?:[A-Za-z0-9.-]+(:\d+)?(\?transport=(udp|tcp))?", url
            ):
                raise ValueError("must be stun:host:port or turn:host:port, with a comma between")
        return urls

    @field_validator("asterisk_name")
    @classmethod
    def _not_the_other_carrier(cls, name: str) -> str:
        if name == "twilio":
            raise ValueError("its calls would look like Twilio's: choose another name")
        return name

    @field_validator("console_address")
    @classmethod
    def _of_a_machine(cls, address: str) -> str:
        ip_address(address)
        return address

    @field_validator("caller_page_origins")
    @classmethod
    def _origins(cls, origins: str) -> str:
        for origin in origins.split(",") if origins else []:
            if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d+)?", origin.strip()):
                raise ValueError("must be https://host, with a comma between two, or empty")
        return origins

    @field_validator("caller_page_leave_to")
    @classmethod
    def _leads_to_a_page(cls, address: str) -> str:
        if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d+)?/[\w./?=&%-]*", address):
            raise ValueError("must be the address of a page, https://host/…")
        return address

    @field_validator("twilio_public_address")
    @classmethod
    def _secure(cls, address: str) -> str:
        if address and not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d+)?(/[\w./-]*[\w-])?", address):
            raise ValueError("must be https:// with a host, and no slash at its end")
        return address

    @model_validator(mode="after")
    def _twilio_is_whole(self) -> Self:
        """Found at the start, not by the first caller."""
        if not self.twilio_account_sid:
            return self
        missing = {
            "IVR_TWILIO_AUTH_TOKEN": self.twilio_auth_token is None
            or not self.twilio_auth_token.get_secret_value(),
            "IVR_TWILIO_PUBLIC_ADDRESS": not self.twilio_public_address,
            "IVR_TWILIO_CALLER_ID": not self.twilio_caller_id,
        }
        for name, is_missing in missing.items():
            if is_missing:
                raise ValueError(f"IVR_TWILIO_ACCOUNT_SID switches Twilio on: set {name} too")
        if not self.twilio_assessment.strip():
            raise ValueError(
                "Twilio carries minors' voices and numbers abroad: set IVR_TWILIO_ASSESSMENT to "
                "the file number of the recorded assessment that allows it"
            )
        return self

    @model_validator(mode="after")
    def _somebody_brings_calls(self) -> Self:
        if not self.asterisk and not self.twilio_account_sid:
            raise ValueError("IVR_ASTERISK=off leaves no carrier: set IVR_TWILIO_ACCOUNT_SID too")
        return self

    @model_validator(mode="after")
    def _api_key_is_whole(self) -> Self:
        secret = self.twilio_api_key_secret
        has_secret = secret is not None and bool(secret.get_secret_value())
        if has_secret != bool(self.twilio_api_key_sid):
            there, missing = "SID", "SECRET"
            if has_secret:
                there, missing = missing, there
            raise ValueError(
                f"IVR_TWILIO_API_KEY_{there} alone signs nothing: set IVR_TWILIO_API_KEY_{missing} "
                "too"
            )
        return self

    @model_validator(mode="after")
    def _turn_has_its_secret(self) -> Self:
        if "turn" in self.ice_server_urls and self.turn_secret is None:
            raise ValueError("IVR_ICE_SERVER_URLS names a TURN server: set IVR_TURN_SECRET too")
        return self

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        owners: dict[int, str] = {}
        for name in PORTS:
            other = owners.setdefault(getattr(self, name), name)
            if other != name:
                raise ValueError(
                    f"IVR_{other.upper()} and IVR_{name.upper()} are the same port "
                    f"{getattr(self, name)}"
                )
        if self.rtp_first_port >= self.rtp_last_port:
            raise ValueError("IVR_RTP_LAST_PORT must be above IVR_RTP_FIRST_PORT")
        return self

    @property
    def twilio_fallback(self) -> list[str]:
        """Whom Twilio rings without us, the first one first; nobody twice."""
        numbers = (number.strip() for number in self.twilio_fallback_numbers.split(","))
        return list(dict.fromkeys(number for number in numbers if number))

    @property
    def caller_page_shown_by(self) -> list[str]:
        """The origins of the pages that may hold the callers' page."""
        return [origin.strip() for origin in self.caller_page_origins.split(",") if origin.strip()]

    @property
    def ice_urls(self) -> list[str]:
        return self.ice_server_urls.split(",") if self.ice_server_urls else []

    @property
    def fastagi_address(self) -> tuple[str, int]:
        """Always loopback: FastAGI knows no password."""
        return LOOPBACK, self.fastagi_port

    @property
    def ami_address(self) -> tuple[str, int]:
        """Always loopback, as Asterisk is told to bind it."""
        return LOOPBACK, self.ami_port

    @property
    def store(self) -> str:
        """The store's address."""
        return self.store_url or f"sqlite:///{self.data_directory / 'ivr.db'}"

    @property
    def prompts_directory(self) -> Path:
        """Synthesised prompts, music and tones: a cache, safe to delete."""
        return self.data_directory / "prompts"

    @property
    def asterisk_directory(self) -> Path:
        """The private Asterisk, where there is one."""
        return self.asterisk_root or self.data_directory / "asterisk-root"

    @property
    def asterisk_files(self) -> Path:
        """All that Asterisk writes, and its sounds."""
        return self.data_directory / "asterisk"

    @property
    def asterisk_conf(self) -> Path:
        """Asterisk's generated configuration."""
        return self.asterisk_files / "etc"

    @property
    def spool_directory(self) -> Path:
        """Where the dialplan leaves a line for each call that no engine could take."""
        return self.asterisk_files / "spool"

    @property
    def spool_reserve(self) -> Path:
        """Keeps room for the spool on a disk that fills."""
        return self.spool_directory / "reserve"

    @property
    def console_certificate(self) -> Path:
        """The folder of the console's certificate."""
        return self.console_certificate_directory or self.data_directory / "console"

    @property
    def recordings_directory(self) -> Path:
        return self.data_directory / "recordings"

    @property
    def seal_file(self) -> Path:
        """Where the log's seals are exported to; keep a copy of it elsewhere."""
        return self.data_directory / "seals.jsonl"

    @property
    def keys_directory(self) -> Path:
        return self.data_directory / "keys"
