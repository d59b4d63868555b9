"""Two servers of webhooks, each in a process of its own behind the very server that the engine
uses: our application, and a Flask view that returns the same TwiML to everything."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection as Pipe

import structlog
from flask import Flask, Response
from sqlalchemy import Connection

from agents import presence, roster
from config.postgresql import ANSWER_SECONDS
from config.settings import Settings
from ivr.assembly import Assembly
from ivr.engine import SWITCH_SECONDS, now
from ivr.twilio.carrier import TwilioCarrier, webhook_server
from ivr.twilio.rest import TwilioRest

CONSTANT = """<?xml version="1.0" encoding="UTF-8"?><Response>\
<Gather action="https://ivr.example.cn/twilio/call/1" input="dtmf" numDigits="1" timeout="4">\
<Say language="cmn-CN" voice="Polly.Zhiyu">你好，这里是12355青少年服务台。</Say>\
</Gather></Response>"""


class TellsReleases(TwilioRest):
    """In place of Twilio's REST side: says to `told` which call is sent on, and where to."""

    def __init__(self, settings: Settings, told: Pipe) -> None:
        super().__init__(settings.twilio_account_sid, "not asked")
        self._told = told
        self._telling = threading.Lock()

    def dequeue(self, call_sid: str, queue: str, address: str) -> None:
        with self._telling:
            self._told.send((call_sid, address))


def ours(settings: Settings, told: Pipe) -> Flask:
    """The engine's part for Twilio, everybody of the roster on duty."""
    log = (settings.data_directory / "webhooks.log").open("w")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=log))
    assembly = Assembly.open(settings)
    assembly.store.answer_seconds = ANSWER_SECONDS
    assembly.import_roster(now())
    controller = assembly.controller("bench", lambda woken: carrier.wake(woken))
    carrier = TwilioCarrier(assembly, controller, now, TellsReleases(settings, told))
    carrier.prepare()

    def work(connection: Connection) -> None:
        for person in roster.everybody(connection):
            presence.log_in(connection, person.id, now())

    controller.counselors_changed(work, now())

    def tick() -> None:
        moment = threading.Event()
        while not moment.wait(1.0):
            controller.tick(now())
            carrier.tick()

    threading.Thread(target=tick, daemon=True).start()
    return carrier.application


def bare(settings: Settings, told: Pipe) -> Flask:
    app = Flask("bare", static_folder=None)

    @app.post("/twilio/call")
    def view() -> Response:
        return Response(CONSTANT, mimetype="text/xml")

    return app


@contextmanager
def running(make: Callable[[Settings, Pipe], Flask], settings: Settings) -> Iterator[Pipe]:
    """The application that `make` makes, in a process of its own; yields what it tells of
    releases."""
    spawned = get_context("spawn")
    here, there = spawned.Pipe()
    process = spawned.Process(target=_serve, args=(make, settings, there), daemon=True)
    process.start()
    try:
        if here.recv() != "ready":
            raise RuntimeError("the server of webhooks did not start")
        yield here
    finally:
        process.terminate()
        process.join()


def _serve(make: Callable[[Settings, Pipe], Flask], settings: Settings, told: Pipe) -> None:
    """As `Engine.run` does."""
    sys.setswitchinterval(SWITCH_SECONDS)
    server = webhook_server(make(settings, told), settings)
    gc.collect()
    gc.freeze()
    server.start()
    told.send("ready")
    threading.Event().wait()
