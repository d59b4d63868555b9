"""`run_ivr.py`, whose Twilio is the stand-in: what is asked of its REST side goes to the loopback
address in TWILIO_STAND_IN. Twilio's client has no setting for an address that isn't Twilio's, so
what carries its requests is exchanged."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path
from unittest.mock import patch

CHECKOUT = Path(__file__).parents[2]


def main() -> None:
    # As if run_ivr.py itself had been started: our modules are found beside it, not beside us.
    sys.path[0] = str(CHECKOUT)
    from tests.twilio_stand_in.rest import LoopbackHttpClient

    def loopback(timeout: float) -> LoopbackHttpClient:
        return LoopbackHttpClient(os.environ["TWILIO_STAND_IN"])

    with patch("ivr.twilio.rest.TwilioHttpClient", loopback):
        runpy.run_path(str(CHECKOUT / "run_ivr.py"), run_name="__main__")


if __name__ == "__main__":
    main()
