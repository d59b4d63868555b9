"""Twilio's REST API over the stand-in's account, and ways for Twilio's client to reach it."""

from tests.twilio_stand_in.rest.api import RestApi
from tests.twilio_stand_in.rest.http_client import InProcessHttpClient, LoopbackHttpClient
from tests.twilio_stand_in.rest.serving import RestServer

__all__ = ["InProcessHttpClient", "LoopbackHttpClient", "RestApi", "RestServer"]
