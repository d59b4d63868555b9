"""Forms as they come back from a browser, by the name each was shown with."""

from __future__ import annotations

from werkzeug.datastructures import MultiDict

from workorders.once import Form

NAME = "form_name"
LONGEST_NAME = 64
_NO_WORDS = (NAME, "csrf_token")


def came_back(sent: MultiDict[str, str]) -> Form:
    """With all that was written in it."""
    words = {name: values for name, values in sent.lists() if name not in _NO_WORDS}
    return Form(name_of(sent), words)


def name_of(sent: MultiDict[str, str]) -> str:
    """Empty where it has none."""
    return sent.get(NAME, "")[:LONGEST_NAME]
