"""A carrier that doesn't know a verb is found before it carries a call: mypy says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parent.parent
VERBS = ROOT / "callflows" / "verbs.py"
CARRIERS = ("ivr/asterisk/performer.py", "ivr/simulator.py", "ivr/twilio/twiml.py")
KNOWN = (
    "callflows/verbs.py", "callflows/events.py", "callflows/__init__.py", "ivr/pending.py",
    "ivr/__init__.py", "ivr/asterisk/__init__.py", "ivr/twilio/__init__.py",
)  # fmt: skip
"""What a carrier's verbs depend on; all else is skipped, or mypy would read for long."""
UNION = "Verb = Answer | Say | Gather | Record | Dial | Hold | Confer | Hangup"


def assert_never_errors(verbs: Path) -> set[str]:
    """The carriers in which a verb of this copy of `verbs.py` reaches assert_never."""
    said, wrong, _ = api.run(
        [
            "--config-file=", "--python-version=3.11", "--follow-imports=skip",
            "--ignore-missing-imports", "--cache-dir=/dev/null", "--no-error-summary",
            "--shadow-file", str(VERBS), str(verbs), *(str(ROOT / file) for file in KNOWN),
            *(str(ROOT / file) for file in CARRIERS),
        ]
    )  # fmt: skip
    assert not wrong
    lines = [line for line in said.splitlines() if '"assert_never"' in line]
    return {file for file in CARRIERS for line in lines if Path(line.split(":")[0]).match(file)}


@pytest.mark.parametrize(
    ("verb", "found_in"), [("", set()), ("Whistle", set(CARRIERS))], ids=["as it is", "a new verb"]
)
def test_a_verb_that_a_carrier_does_not_know_is_found(
    tmp_path: Path, verb: str, found_in: set[str]
) -> None:
    text = VERBS.read_text(encoding="utf-8")
    assert UNION in text
    if verb:
        text = text.replace(UNION, f"class {verb}: ...\n\n\n{UNION} | {verb}")
    copy = tmp_path / "verbs.py"
    copy.write_text(text, encoding="utf-8")
    assert assert_never_errors(copy) == found_in
