"""The published XML schema of TwiML, its old enumerations widened in memory."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from lxml import etree

SCHEMA = Path(__file__).parents[3] / "shared" / "data" / "TwiML.xsd"
_XS = "{http://www.w3.org/2001/XMLSchema}"


class Widening(NamedTuple):
    """Attributes and elements that a type takes besides those of 2016."""

    type: str
    attributes: tuple[str, ...]
    reason: str
    elements: tuple[str, ...] = ()


_STATUS = ("statusCallback", "statusCallbackMethod", "statusCallbackEvent")
_RECORDING = (
    "recordingStatusCallback",
    "recordingStatusCallbackMethod",
    "recordingStatusCallbackEvent",
)

# The schema is of 2016; each reason names the page that has what it lacks.
WIDENED: tuple[Widening, ...] = (
    Widening("VoiceType", (), "Say: voices now are named, as Polly.Zhiyu: any text"),
    Widening("LanguageType", (), "Say: any language tag, as zh-CN: any text"),
    Widening("PlayType", ("digits",), "Play: keys can be played"),
    Widening(
        "GatherType",
        ("input", "actionOnEmptyResult", "language", "hints", "speechTimeout", "profanityFilter"),
        "Gather: speech, and a request even without input",
    ),
    Widening("RecordType", ("trim", *_RECORDING), "Record: silence trimmed, recordings reported"),
    Widening(
        "DialType",
        (
            *("answerOnBridge", "ringTone", "sequential", "trim", "recordingTrack", "callReason"),
            *("record", *_RECORDING),
        ),
        "Dial: record was a boolean and is now one of several words",
    ),
    Widening("NumberType", _STATUS, "Number: progress of the called leg"),
    Widening("SipType", _STATUS, "Sip: progress of the called leg"),
    Widening(
        "ClientType",
        ("url", "method", *_STATUS),
        "Client: progress of the called leg; the name may be an element of its own",
        ("Identity", "Parameter"),
    ),
)


def available() -> bool:
    return SCHEMA.exists()


def violations(root: etree._Element) -> list[str]:
    """What the schema says against a document; nothing where the schema is absent."""
    if not available():
        return []
    widened = _widened()
    widened.validate(root)
    return [f"schema, line {entry.line}: {entry.message}" for entry in list(widened.error_log)]  # type: ignore[call-overload]


@cache
def _widened() -> etree.XMLSchema:
    schema = etree.parse(str(SCHEMA))
    types = {str(kind.get("name")): kind for kind in schema.getroot() if kind.get("name")}
    for widening in WIDENED:
        _widen(types[widening.type], widening)
    return etree.XMLSchema(schema)


def _widen(kind: etree._Element, widening: Widening) -> None:
    if not widening.attributes:
        for enumeration in list(kind.iter(f"{_XS}enumeration")):
            enumeration.getparent().remove(enumeration)  # type: ignore[union-attr]
        return
    if widening.elements:
        for child in list(kind):
            kind.remove(child)
        kind.set("mixed", "true")
        choice = etree.SubElement(
            etree.SubElement(kind, f"{_XS}sequence", minOccurs="0", maxOccurs="unbounded"),
            f"{_XS}choice",
        )
        for name in widening.elements:
            etree.SubElement(choice, f"{_XS}element", name=name)
    place = next(kind.iter(f"{_XS}extension"), kind)
    for attribute in list(place.iter(f"{_XS}attribute")):
        if attribute.get("name") in widening.attributes:
            place.remove(attribute)
    for name in widening.attributes:
        etree.SubElement(place, f"{_XS}attribute", name=name, type="xs:string")
