"""The shipped flows with a front of few words, for tests that aren't about what is said."""

from __future__ import annotations

from pathlib import Path

from config.settings import CONFIG

FLOW = """
name: "12355"
title: short
languages: [zh-CN]
start: greeting
prompts:
  greeting: {zh-CN: 法律请按1，心理请按2。}
  place: {zh-CN: "前面还有{n}位。"}
  reconnecting: {zh-CN: 老师断线了，请别挂断。}
steps:
  greeting:
    type: menu
    prompt: greeting
    timeout: 4
    exits: {"1": law, "2": psychology, "5": silent, no_input: waiting}
  law:
    type: set_value
    values: {topic: law}
    exits: {done: waiting}
  psychology:
    type: set_value
    values: {topic: psychology}
    exits: {done: waiting}
  waiting:
    type: queue
    announcement: place
    reconnecting: reconnecting
    first_announcement: 5
    announce_every: 5
    exits: {answered: goodbye, none_available: message, "8": callback, "9": message}
  silent:
    type: subflow
    flow: silent
  callback:
    type: subflow
    flow: callback
    exits: {keep_waiting: waiting}
  message:
    type: subflow
    flow: voicemail
  goodbye:
    type: hang_up
"""


def write_short_flows(folder: Path) -> Path:
    """Make `folder` and fill it."""
    folder.mkdir()
    for shipped in (CONFIG.parent / "callflows/library").glob("*.yaml"):
        if shipped.stem != "12355":
            (folder / shipped.name).symlink_to(shipped)
    (folder / "12355.yaml").write_text(FLOW, "utf-8")
    return folder
