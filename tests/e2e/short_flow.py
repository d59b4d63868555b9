"""The shipped flows with a front of few words, for tests that aren't about what is said; and the
shipped stations, where callers are asked how a shorter talk was, too."""

from __future__ import annotations

import shutil
from pathlib import Path

from config.settings import CONFIG

FLOW = """
name: "12355"
title: short
languages: [zh-CN]
start: greeting
prompts:
  greeting: {zh-CN: 法律请按1，心理请按2。}
  notice: {zh-CN: 录音。}
  place: {zh-CN: "前面还有{n}位。"}
  reconnecting: {zh-CN: 老师断线了，请别挂断。}
  survey: {zh-CN: 满意请按1。}
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
ASKING = """
  asking:
    type: survey
    prompt: survey
    exits: {answered: goodbye, not_answered: goodbye}
"""
STATIONS = ("stations.yaml", "regions.yaml", "topics.yaml")


def write_short_flows(folder: Path, survey: bool = False, notice: bool = False) -> Path:
    """Make `folder` and fill it. `survey`: whoever has talked is asked how it was. `notice`: the
    caller is told that talks are recorded."""
    folder.mkdir()
    for shipped in (CONFIG.parent / "callflows/library").glob("*.yaml"):
        if shipped.stem != "12355":
            (folder / shipped.name).symlink_to(shipped)
    flow, waiting = FLOW, "    type: queue\n"
    if survey:
        flow = flow.replace("answered: goodbye", "answered: asking") + ASKING
    if notice:
        flow = flow.replace(waiting, waiting + "    recording_notice: notice\n")
    (folder / "12355.yaml").write_text(flow, "utf-8")
    return folder


def write_stations(folder: Path, survey_after_seconds: int) -> Path:
    """Make `folder` and fill it."""
    folder.mkdir()
    for name in STATIONS:
        shutil.copy(CONFIG / name, folder)
    file = folder / "stations.yaml"
    shipped = file.read_text("utf-8")
    short = shipped.replace(
        "survey_after_seconds: 10", f"survey_after_seconds: {survey_after_seconds}"
    )
    assert short != shipped
    file.write_text(short, "utf-8")
    return folder
