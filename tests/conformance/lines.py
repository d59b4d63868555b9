"""Every line, by its carrier."""

from __future__ import annotations

from tests.conformance.asterisk_line import AsteriskLine
from tests.conformance.line import Line
from tests.conformance.simulator_line import SimulatorLine
from tests.conformance.twilio_line import TwilioLine

LINES: dict[str, type[Line]] = {
    line.carrier: line for line in (SimulatorLine, AsteriskLine, TwilioLine)
}
REFERENCE = SimulatorLine.carrier
OTHERS = [carrier for carrier in LINES if carrier != REFERENCE]
