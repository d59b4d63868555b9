"""What a trial came to, a row a measure and a column a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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


def rows(trial: Trial, names: dict[str, str]) -> Iterator[tuple[Row, list[Estimate]]]:
    """Every row with each policy's estimate. `names`: the centres', by id."""
    centres = [centre_row(centre, name) for centre, name in names.items()]
    for row in (*ROWS, *centres):
        yield row, [Estimate.of(_values(trial, policy, row)) for policy in trial.policies]


def differences(trial: Trial, names: dict[str, str]) -> Iterator[tuple[Row, list[Estimate]]]:
    """The shares of each later policy less those of the first, on the same seeds."""
    base, *others = trial.policies
    centres = [centre_row(centre, name) for centre, name in names.items()]
    for row in (*ROWS, *centres):
        if row.percent and others:
            of_base = _values(trial, base, row)
            yield row, [paired(_values(trial, policy, row), of_base) for policy in others]


def of_bound(trial: Trial) -> list[tuple[Policy, Estimate]]:
    """Answered within the service level as a share of what the bound answers, seed by seed."""
    bound = next((policy for policy in trial.policies if policy.reach == "pool"), None)
    if bound is None:
        return []
    best = _values(trial, bound, IN_TIME)
    return [
        (
            policy,
            Estimate.of(
                [
                    one / most if most else 1.0
                    for one, most in zip(_values(trial, policy, IN_TIME), best, strict=True)
                ]
            ),
        )
        for policy in trial.policies
        if policy is not bound
    ]


def tables(trial: Trial, names: dict[str, str]) -> Iterator[Table]:
    """For a terminal."""
    yield _table("", trial.policies, rows(trial, names), signed=False)
    if len(trial.policies) > 1:
        base, *others = trial.policies
        title = f"与 {base.name.zh_cn} 之差(百分点) / less {base.name.en}, points"
        yield _table(title, others, differences(trial, names), signed=True)
    if bound := of_bound(trial):
        row = Row("占上界 %", "of the bound %", lambda m: 0.0)
        policies = [policy for policy, _ in bound]
        found = [(row, [estimate for _, estimate in bound])]
        yield _table("", policies, found, signed=False)


def _table(
    title: str,
    policies: Sequence[Policy],
    found: Sequence[tuple[Row, list[Estimate]]] | Iterator[tuple[Row, list[Estimate]]],
    signed: bool,
) -> Table:
    table = Table("", title=title or None)
    for policy in policies:
        table.add_column(f"{policy.name.zh_cn}\n{policy.name.en}", justify="right")
    for row, estimates in found:
        table.add_row(f"{row.zh}\n{row.en}", *(row.shown(e, signed) for e in estimates))
    return table


def _values(trial: Trial, policy: Policy, row: Row) -> list[float]:
    return [row.of(measures) for measures in trial.measures[policy.id]]
