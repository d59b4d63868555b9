"""Twilio's signalling for its Voice SDK in a browser, as far as a telephone is rung by it: the SDK
is the real one, and what it would tell `wss://voice-js.….twilio.com` is answered here.

Written down from what the SDK sends and takes (@twilio/voice-sdk 2.18.5, `lib/twilio/pstream.ts`).
"""

from __future__ import annotations

import json
import secrets
from typing import Any

from playwright.sync_api import Page, WebSocketRoute

CALLER = """async () => {
  const context = new AudioContext(), sound = context.createMediaStreamDestination();
  const tone = new OscillatorNode(context);
  tone.connect(sound);
  tone.start();
  window.caller = new RTCPeerConnection();
  caller.addTrack(sound.stream.getTracks()[0], sound.stream);
  const gathered = new Promise((all) => {
    caller.onicecandidate = ({ candidate }) => candidate === null && all();
  });
  await caller.setLocalDescription(await caller.createOffer());
  await gathered;
  return caller.localDescription.sdp;
}"""
"""Twilio's own end of the sound, in the same page; its offer."""
HEARD = """async () => {
  const heard = { sent: 0, received: 0, codec: "" }, stats = await caller.getStats();
  for (const one of stats.values()) {
    if (one.type === "inbound-rtp") heard.received += one.packetsReceived;
    if (one.type === "inbound-rtp") heard.codec = stats.get(one.codecId)?.mimeType ?? "";
    if (one.type === "outbound-rtp") heard.sent += one.packetsSent;
  }
  return heard.sent > 50 && heard.received > 50 && heard.codec;
}"""
"""What codec it hears, once sound has gone both ways."""


class Signalling:
    """Before the page's first request. `tokens`: each it was shown; `told`: what else."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._socket: WebSocketRoute | None = None
        self._call = ""
        self.tokens: list[str] = []
        self.told: list[str] = []
        page.route_web_socket("wss://*.twilio.com/**", self._connected)

    def rings(self) -> None:
        self._call = "CA" + secrets.token_hex(16)
        offer = self._page.evaluate(CALLER)
        parameters = {"CallSid": self._call, "From": "+8600", "To": "client:lin"}
        self.say("invite", callsid=self._call, sdp=offer, parameters=parameters)

    def gives_up(self) -> None:
        """The caller, before anybody answers."""
        self.say("cancel", callsid=self._call)

    def refuses(self, code: int) -> None:
        self.say("error", error={"code": code, "message": ""})

    def breaks_off(self) -> None:
        assert self._socket is not None
        self._socket.close()

    def say(self, kind: str, **payload: Any) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps({"type": kind, "version": "1.6", "payload": payload}))

    def _connected(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(self._heard)

    def _heard(self, message: str | bytes) -> None:
        if not message.strip():
            return  # to keep the connection open
        said = json.loads(message)
        match said["type"]:
            case "listen":
                self.tokens.append(said["payload"]["token"])
                self.say("connected", region="us1", edge="ashburn", home="us1")
            case "register":
                self.say("ready")
            case "answer":
                # Twilio's end takes it, and says so.
                answer = said["payload"]["sdp"]
                take = "(sdp) => { caller.setRemoteDescription({ type: 'answer', sdp }); }"
                self._page.evaluate(take, answer)
                self.say("answer", callsid=self._call, sdp=answer)
        self.told.append(said["type"])
