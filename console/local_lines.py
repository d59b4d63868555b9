"""Police and ambulance of where something happens: another city's 110 is the wrong one."""

from __future__ import annotations

from flask_babel import get_locale

from ivr.assembly import Assembly
from routing.directory import NumberKind

SERVICES = ("police", "ambulance")
EVERY_KIND: frozenset[NumberKind] = frozenset({"local", "international", "national"})


def local_lines(assembly: Assembly, region: str | None) -> list[tuple[str, str | None]]:
    """What each is called, with its number or None where none is verified; nothing where the place
    isn't known."""
    found = []
    for service in SERVICES if region else ():
        entry = assembly.directory.find(service, region, kinds=EVERY_KIND)
        about = assembly.directory.services[service]
        name = about.en if str(get_locale()) == "en" else about.zh_cn
        found.append((name, entry and assembly.directory.entry(entry).number))
    return found
