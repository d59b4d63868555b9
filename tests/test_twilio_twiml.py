"""The documents themselves: within Twilio's limits whatever a manager writes."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from callflows.verbs import Gather, Hold, Say
from ivr.pending import Pending
from ivr.twilio.addresses import Addresses
from ivr.twilio.twiml import Twiml
from tests.twilio_stand_in.twiml import read

LARGEST_DOCUMENT = 64_000
LARGEST_ENCODED = 4_500


@dataclass
class Unrecorded:
    def recorded(self, prompt: str, language: str) -> str | None:
        return "0" * 32 if prompt == "recorded" else None

    def music(self, waited: int) -> str:
        return "music-1-4"


TWIML = Twiml(Addresses("https://" + "a" * 200 + ".cn", b"key"), Unrecorded(), "+862012355000")
TEXT = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("请按一<&\"'"),
    min_size=1,
    max_size=1000,
)
SAY = st.builds(Say, TEXT, st.sampled_from(["zh-CN", "en", "bo"]), st.just("words"))


def document(says: list[Say], last: Gather | Hold) -> bytes:
    pending = Pending("twilio-1", 7, 7, "20260607-000001", (*says, last))
    written = TWIML.words(pending) if isinstance(last, Hold) else TWIML.turn(pending, ())
    return written.encode()


def spoken(body: bytes) -> list[str]:
    return [element.text or "" for element in etree.fromstring(body).iter("Say")]


# Error 11750: a document has 64 kB at the most. Error 13521: words that are spoken have 4,500
# characters at the most, encoded as in an address.
@given(st.lists(SAY, max_size=60), st.booleans())
def test_no_document_is_larger_than_twilio_takes(says: list[Say], waits: bool) -> None:
    body = document(says, Hold(20.0, "9") if waits else Gather((), 1, 4.0))
    assert len(body) <= LARGEST_DOCUMENT
    _, wrong = read(body, "text/xml", "")
    assert wrong == []
    for words in spoken(body):
        assert 9 * len(words) <= LARGEST_ENCODED


def test_of_too_many_words_the_last_are_spoken() -> None:
    many = [Say("请" * 1000, "zh-CN", f"words-{number}") for number in range(50)]
    keys = Say("留言请按9", "zh-CN", "keys")
    words = spoken(document([*many, keys], Hold(20.0, "9")))
    assert words[-1] == "留言请按9"
    assert len(words) > 10


def test_long_words_are_spoken_whole() -> None:
    text = "一二三四五六七八九十" * 100
    assert "".join(spoken(document([Say(text, "zh-CN", "words")], Gather((), 1, 4.0)))) == text
