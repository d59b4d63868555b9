"""Codes that counselors dial: log in, pause with a reason, log out. Each is answered aloud."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from agents.dialled_codes import Spoken, apply_code
from config.database import StoreUnavailable
from ivr.asterisk.channel import Channel
from ivr.controller import Controller
from recordings.prompts import PromptCache

log = structlog.get_logger()

LANGUAGE = "zh-CN"
SPOKEN: dict[Spoken, str] = {
    "logged_in": "已示闲，可以接听来电。",
    "paused": "已示忙。",
    "logged_out": "已签出。",
    "after_this_call": "本次通话结束后生效。",
    "unknown_number": "这部电话没有登记。",
    "unknown_code": "没有这个代码。",
    "refused": "现在不能这样做。",
}
NOT_NOW = "系统暂时不可用，请稍后再试。"


class CodeHandler:
    """Handles `code`: the dialplan gives the code and the account it was dialled on."""

    def __init__(
        self, controller: Controller, prompts: PromptCache, now: Callable[[], datetime]
    ) -> None:
        self._controller = controller
        self._prompts = prompts
        self._now = now

    def __call__(self, channel: Channel) -> None:
        code = channel.env.get("agi_arg_1", "")
        number = channel.env.get("agi_arg_2", "").rpartition("-")[2]
        at = self._now()
        try:
            said: Spoken = self._controller.counselors_changed(
                lambda connection: apply_code(connection, number, code, at), at
            )
            text = SPOKEN[said]
        except StoreUnavailable as error:
            log.error("code_refused", reason=str(error))
            text = NOT_NOW
        channel.answer()
        channel.stream_file(self._prompts.file(text, LANGUAGE).absolute())
        channel.set_variable("CODE_DONE", "1")


def spoken_texts() -> list[tuple[str, str]]:
    """Everything said here, to be synthesised ahead."""
    return [(text, LANGUAGE) for text in (*SPOKEN.values(), NOT_NOW)]
