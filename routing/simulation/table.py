"""What a trial came to, a row a measure and a column a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from routing.simulation.comparison import Estimate, paired
from routing.simulation.measures import Measures
from routing.simulation.policy import Policy
from routing.simulation.trial import Trial


@dataclass(frozen=True, slots=True)
class Row:
    """`of`: what is measured. `percent`: a share; otherwise seconds, or as many as `plain`."""

    zh: str
    en: str
    of: Callable[[Measures], float]
    percent: bool = True
    plain: bool = False

    def shown(self, estimate: Estimate, signed: bool = False) -> str:
        sign = "+" if signed else ""
        if self.percent:
            scale, form = 100.0, f"{sign}.1f"
        else:
            scale, form = 1.0, f"{sign},.0f" if self.plain else f"{sign}.1f"
        text = format(estimate.mean * scale, form)
        if estimate.half_width is not None:
            text += f" ± {format(estimate.half_width * scale, form.removeprefix('+'))}"
        return text


OF_BOUND = Row(
    "15 秒接通率占上界 %",
    "answered within 15 s, of what the bound answers %",
    lambda measures: measures.answered_in_time,
)
IN_TIME = Row("15 秒接通率 %", "answered within 15 s %", lambda m: m.answered_in_time)
ROWS = (
    Row("来电", "offered", lambda m: m.offered, percent=False, plain=True),
    IN_TIME,
    Row("排队放弃 %", "abandoned %", lambda m: m.abandoned_share),
    Row("平均等待 s", "mean wait s", lambda m: m.mean_wait, percent=False),
    Row("等待 p50 s", "wait p50 s", lambda m: m.wait(0.5), percent=False),
    Row("等待 p90 s", "wait p90 s", lambda m: m.wait(0.9), percent=False),
    Row("等待 p99 s", "wait p99 s", lambda m: m.wait(0.99), percent=False),
    Row("本地接听 %", "served at home %, of those who found somebody there to pick up",
        lambda m: m.local_share),
    Row("本地接听(含振铃未接)%", "the same, of those who found somebody free, picking up or not",
        lambda m: m.free_share),
    Row("状态变化", "changes of state", lambda m: m.changes / m.days, percent=False),
    Row("单台单日最多变化", "most changes of a station, topic and day",
        lambda m: m.most_changes, percent=False, plain=True),
)  # fmt: skip


def centre_row(centre: str, name: str) -> Row:
    return Row(
        f"{name} 自有来电 15 秒接通率 %",
        f"{centre}'s own callers within 15 s %",
        lambda m: m.own_callers(centre),
    )


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table ready to be shown: each row with a text for each policy."""

    zh: str
    en: str
    policies: Sequence[Policy]
    rows: Sequence[tuple[Row, Sequence[str]]]

    def for_terminal(self) -> Table:
        table = Table("", title=f"{self.zh} {self.en}")
        for policy in self.policies:
            table.add_column(f"{policy.name.zh_cn}\n{policy.name.en}", justify="right")
        for row, shown in self.rows:
            table.add_row(f"{row.zh}\n{row.en}", *shown)
        return table


def sheets(trial: Trial, centres: Mapping[str, str]) -> Iterator[Sheet]:
    """The measures, the differences from the first policy on the same seeds, and shares of the
    bound. `centres`: names by id."""
    all_rows = [*ROWS, *(centre_row(centre, name) for centre, name in centres.items())]
    first, *others = trial.policies
    found = [
        (row, [row.shown(Estimate.of(_values(trial, policy, row))) for policy in trial.policies])
        for row in all_rows
    ]
    yield Sheet("结果", "Results", trial.policies, found)
    if others:
        less = [
            (row, [row.shown(_difference(trial, policy, first, row), True) for policy in others])
            for row in all_rows
            if row.percent
        ]
        zh, en = f"与“{first.name.zh_cn}”之差,百分点", f"Less {first.name.en}, points"
        yield Sheet(zh, en, others, less)
    bound = next((policy for policy in trial.policies if policy.reach == "pool"), None)
    if bound is not None and others:
        below = [policy for policy in trial.policies if policy is not bound]
        shares = [OF_BOUND.shown(_ratio(trial, policy, bound, IN_TIME)) for policy in below]
        yield Sheet("与上界相比", "Beside the bound", below, [(OF_BOUND, shares)])


def _difference(trial: Trial, policy: Policy, first: Policy, row: Row) -> Estimate:
    return paired(_values(trial, policy, row), _values(trial, first, row))


def _ratio(trial: Trial, policy: Policy, bound: Policy, row: Row) -> Estimate:
    best = _values(trial, bound, row)
    ours = _values(trial, policy, row)
    return Estimate.of([one / most if most else 1.0 for one, most in zip(ours, best, strict=True)])


def _values(trial: Trial, policy: Policy, row: Row) -> list[float]:
    return [row.of(measures) for measures in trial.measures[policy.id]]
