"""Calls of the product's own simulator, on the line's clock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from callflows.verbs import Verb
from ivr.pending import OfferedCall
from ivr.simulated_call import SimulatedHouse
from ivr.simulated_caller import Act, Telephone
from ivr.simulator import Line as Told
from ivr.simulator import Simulator
from ivr.transaction import Woken
from tests.conformance.line import VOICE_SECONDS, Call, Line


class SimulatorLine(Line):
    carrier = "simulator"

    def _open(self) -> None:
        self.lines: list[str] = []

    def bring(self, number: str | None, access_number: str) -> None:
        call_id = f"simulated-{len(self.calls) + 1}"
        simulator = Simulator(
            SimulatedHouse(self.controller, self.assembly),
            _Caller(self, call_id),
            _Telephones(self),
            self._tell,
            self.clock.now(),
            lambda text, language: VOICE_SECONDS,
        )
        call = OfferedCall(call_id, "simulator", "", access_number, number)
        self._go_on(simulator, simulator.play(call))

    def wake(self, woken: Woken) -> None:
        """It looks by itself."""

    def _perform(self, call_id: str, call: Call, verbs: tuple[Verb, ...]) -> None:
        """The simulator asks."""

    def conversation(self) -> str:
        return "\n".join(self.lines) + "\n"

    def _go_on(self, simulator: Simulator, play: Iterator[float]) -> None:
        simulator.at = self.clock.now()
        seconds = next(play, None)
        if seconds is not None:
            self.after(seconds, lambda: self._go_on(simulator, play))

    def _tell(self, line: Told) -> None:
        minutes, seconds = divmod(line.second, 60)
        self.lines.append(f"{minutes:02}:{seconds:02} {line.who}: {line.text}")


class _Caller:
    def __init__(self, line: Line, call_id: str) -> None:
        self._line = line
        self._call_id = call_id

    def act(self, verb: Verb, words: float, talked: bool) -> Act:
        return self._line.calls[self._call_id].act


class _Telephones:
    def __init__(self, line: Line) -> None:
        self._line = line

    def rung(self, who: Sequence[str]) -> Sequence[Telephone]:
        return [self._line.telephone(one) for one in who]
