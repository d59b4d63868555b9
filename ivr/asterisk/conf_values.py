"""What may stand in a configuration line, and how a section is written.

A value with a line end, a `;` or a bracket in it would be another line, a comment or a section:
it is refused, never escaped.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from pathlib import Path

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")
_NUMBER = re.compile(r"\+?[0-9]{1,31}\Z")
_SECRET = re.compile(r"[A-Za-z0-9_.~+/=-]{12,128}\Z")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?\Z")
_PATH = re.compile(r"/[^\x00-\x1f\x7f;\[\]{}()$\"'\\,&|<>*?]*\Z")


class BadValue(ValueError):
    """A setting that cannot stand in a configuration line."""


def section(name: str, lines: Iterable[str], template: str = "") -> str:
    heading = f"[{name}]({template})" if template else f"[{name}]"
    return "\n".join([heading, *lines, "", ""])


def _checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.match(value):
        raise BadValue(f"{value!r} is no {what}")
    return value


def valid_name(value: str) -> str:
    return _checked(_NAME, value, "name: letters, figures, - and _ are allowed")


def valid_number(value: str) -> str:
    return _checked(_NUMBER, value, "telephone number")


def valid_path(value: Path) -> str:
    return _checked(_PATH, str(value), "path that a configuration line can hold")


def valid_secret(value: str) -> str:
    if not _SECRET.match(value):
        raise BadValue("a secret must be 12 to 128 letters, figures or _.~+/=-")
    return value


def valid_port(value: int) -> int:
    if not 0 < int(value) < 65536:
        raise BadValue(f"{value} is no port")
    return int(value)


def valid_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise BadValue(f"{value!r} is no IP address") from None
    return str(address) if address.version == 4 else f"[{address}]"


def valid_network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise BadValue(f"{value!r} is neither an IP address nor a network") from None


def valid_host_port(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal():
        raise BadValue(f"{value!r} is not host:port")
    return f"{_checked(_HOST, host, 'host')}:{valid_port(int(port))}"


def valid_one_of(value: str, *allowed: str) -> str:
    if value not in allowed:
        raise BadValue(f"{value!r} is none of {', '.join(allowed)}")
    return value
