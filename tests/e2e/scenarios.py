"""SIPp scenarios as text: callers, counselors' telephones, and their log-in.

Each writes lines `<time> <what happened>` to SIPp's log, which the harness waits for.
SIPp's words: https://sipp.readthedocs.io/en/v3.6.1/scenarios/keywords.html
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from tests.e2e.media import CALLER_HERTZ

REFUSALS = (400, 401, 403, 404, 408, 480, 484, 486, 487, 488, 500, 503, 600, 603, 604)

SDP = """v=0
o=phone 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 8 101
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-15
a=ptime:20
a=sendrecv
"""

OVER = '<label id="over"/><nop/>'


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a telephone does when it rings.

    :param answers_after: seconds of ringing; None: it rings until the other side gives up.
    :param refuses: answer with this status instead, 486 busy, 603 declined.
    :param talks: seconds until it hangs up; None: it waits for the other side.
    :param keys: pressed so many seconds after it answered.
    :param sends_sound: False is a telephone that is lost.
    :param hertz: what it sounds like.
    """

    answers_after: float | None = 0.0
    refuses: int | None = None
    talks: float | None = None
    keys: tuple[tuple[float, str], ...] = ()
    sends_sound: bool = True
    hertz: int = CALLER_HERTZ


def caller(
    *,
    number: str | None,
    name: str,
    dialled: str,
    capture: Path,
    talks: float | None,
    extra_headers: str = "",
    login: tuple[str, str] | None = None,
) -> str:
    """Dials, plays `capture` once answered, hangs up after `talks` seconds or never.

    :param login: the account and password with which a telephone of ours dials.
    """
    user = "anonymous" if number is None else number
    headers = f"""From: "{name}" <sip:{user}@[local_ip]:[local_port]>;tag=[pid]c[call_number]
Call-ID: [call_id]
Contact: <sip:[local_ip]:[local_port];transport=[transport]>
Max-Forwards: 70
"""
    to = f"To: <sip:{dialled}@[remote_ip]:[remote_port]>"

    def invite(number: int, more: str) -> str:
        return _send(
            f"INVITE sip:{dialled}@[remote_ip]:[remote_port] SIP/2.0\n{_via()}{headers}{to}\n"
            f"CSeq: {number} INVITE\n{more}Content-Type: application/sdp\n"
            f"Content-Length: [len]\n\n{SDP}"
        )

    def acknowledge_refusal(number: int) -> str:
        return _send(
            f"ACK sip:{dialled}@[remote_ip]:[remote_port] SIP/2.0\n[last_Via:]\n{headers}"
            f"[last_To:]\nCSeq: {number} ACK\nContent-Length: 0\n\n",
            again=False,
        )

    dials = _log_step("dialled [call_id]") + invite(1, extra_headers)
    number_of_invite = 1
    if login is not None:
        account, password = login
        proof = f"[authentication username={account} password={password}]\n"
        dials += '<recv response="401" auth="true"/>' + acknowledge_refusal(1) + invite(2, proof)
        number_of_invite = 2
    refused = "".join(
        f'<recv response="{status}" optional="true" next="refused">'
        f"{_log(f'refused {status}')}</recv>"
        for status in REFUSALS
    )
    return _scenario(
        dials
        + '<recv response="100" optional="true"/><recv response="180" optional="true"/>'
        + '<recv response="183" optional="true"/>'
        + refused
        + f'<recv response="200" rrs="true">{_log("answered")}</recv>'
        + _send(
            f"ACK [next_url] SIP/2.0\n{_via()}{headers}[last_To:]\n"
            f"CSeq: {number_of_invite} ACK\nContent-Length: 0\n\n",
            again=False,
        )
        + _play(capture)
        + _talk(talks, f"{headers}[last_To:]\n")
        + '<label id="refused"/>'
        + acknowledge_refusal(number_of_invite)
        + OVER
    )


def telephone(behaviour: Behaviour, capture: Path) -> str:
    """Takes calls one after the other, each as `behaviour` says."""
    first = (
        f'<recv request="OPTIONS" optional="true" next="asked">{_log("asked")}</recv>'
        '<recv request="INVITE" rrs="true"><action>'
        '<ereg regexp="[0-9]+" search_in="hdr" header="CSeq:" assign_to="cseq"/>'
        '<ereg regexp="sip:[^@]*" search_in="hdr" header="From:" assign_to="caller"/>'
        '<log message="[timestamp] rings [$caller]"/></action></recv>'
    )
    asked = '<label id="asked"/>' + _send(_response("200 OK", tag=True), again=False)
    if behaviour.refuses is not None:
        return _scenario(
            first
            + _send(_response(f"{behaviour.refuses} No", tag=True))
            + '<recv request="ACK" next="over"/>'
            + asked
            + OVER
            + '<Reference variables="cseq"/>'
        )
    ring = _send(_response("180 Ringing", tag=True), again=False)
    if behaviour.answers_after is None:
        ring += f'<recv request="CANCEL" next="cancelled">{_log("cancelled")}</recv>'
    elif behaviour.answers_after > 0:
        ring += (
            f'<recv request="CANCEL" timeout="{round(behaviour.answers_after * 1000)}" '
            f'ontimeout="answer" next="cancelled">{_log("cancelled")}</recv>'
        )
    answer = (
        '<label id="answer"/>'
        + _send(_response("200 OK", tag=True, body=SDP, request="[$cseq] INVITE"))
        + '<recv request="ACK"><action>'
        '<ereg regexp="[^ ].*" search_in="hdr" header="To:" assign_to="us"/>'
        '<ereg regexp="[^ ].*" search_in="hdr" header="From:" assign_to="them"/>'
        '<log message="[timestamp] answered"/></action></recv>'
        + (_play(capture) if behaviour.sends_sound else "")
        + _talk(
            behaviour.talks,
            "From: [$us]\nTo: [$them]\nCall-ID: [call_id]\nMax-Forwards: 70\n",
        )
    )
    cancelled = (
        '<label id="cancelled"/>'
        + _send(_response("200 OK", tag=True), again=False)
        + _send(_response("487 Request Terminated", tag=True, request="[$cseq] INVITE"))
        + '<recv request="ACK" next="over"/>'
    )
    unused = '<Reference variables="us,them,cseq,caller"/>'
    return _scenario(first + ring + answer + cancelled + asked + OVER + unused)


def log_in(account: str, secret: str, contact: str, seconds: int) -> str:
    """Registers `contact` for `account`; for 0 seconds: logs out."""

    def request(number: int, authentication: str) -> str:
        return _send(
            f"""REGISTER sip:[remote_ip]:[remote_port] SIP/2.0
{_via()}From: <sip:{account}@[remote_ip]>;tag=[pid]r[call_number]
To: <sip:{account}@[remote_ip]>
Call-ID: [call_id]
CSeq: {number} REGISTER
Contact: <{contact}>
Expires: {seconds}
Max-Forwards: 70
{authentication}Content-Length: 0

"""
        )

    return _scenario(
        request(1, "")
        + '<recv response="401" auth="true"/>'
        + request(2, f"[authentication username={account} password={secret}]\n")
        + f'<recv response="200">{_log("logged_in")}</recv>'
    )


# Pieces.


def _scenario(steps: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="phone">{steps}</scenario>\n'


def _via() -> str:
    return "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n"


def _send(text: str, *, again: bool = True) -> str:
    retransmit = ' retrans="500"' if again else ""
    return f"<send{retransmit}><![CDATA[\n{text}]]></send>"


def _response(status: str, *, tag: bool, body: str = "", request: str = "") -> str:
    cseq = f"CSeq: {request}" if request else "[last_CSeq:]"
    to = "[last_To:];tag=[pid]t[call_number]" if tag else "[last_To:]"
    content = "Content-Type: application/sdp\n" if body else ""
    return (
        f"SIP/2.0 {status}\n[last_Via:]\n[last_From:]\n{to}\n[last_Call-ID:]\n{cseq}\n"
        f"Contact: <sip:[local_ip]:[local_port];transport=[transport]>\n{content}"
        f"Content-Length: [len]\n\n{body}"
    )


def _log(message: str) -> str:
    return f'<action><log message="[timestamp] {escape(message)}"/></action>'


def _log_step(message: str) -> str:
    return f"<nop>{_log(message)}</nop>"


def _talk(seconds: float | None, headers: str) -> str:
    """Until the other side hangs up, or `seconds` have passed and this one does."""
    limit = "" if seconds is None else f' timeout="{round(seconds * 1000)}" ontimeout="hang_up"'
    heard = f'<recv request="BYE"{limit}>{_log("other_hung_up")}</recv>' + _send(
        _response("200 OK", tag=False), again=False
    )
    if seconds is None:
        return heard + '<nop next="over"/>'
    return (
        heard
        + '<nop next="over"/><label id="hang_up"/>'
        + _log_step("hung_up")
        + _send(f"BYE [next_url] SIP/2.0\n{_via()}{headers}CSeq: 9 BYE\nContent-Length: 0\n\n")
        + '<recv response="200" next="over"/>'
    )


def _play(capture: Path) -> str:
    return f'<nop><action><exec play_pcap_audio="{capture}"/></action></nop>'
