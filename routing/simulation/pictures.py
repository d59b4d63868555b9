"""A trial drawn: answered in time by hour, waits, loads, states over time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib import font_manager, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from routing.simulation.measures import HOURS, NOT_STRONG, SERVICE_LEVEL_SECONDS, Measures
from routing.simulation.policy import Policy
from routing.simulation.trial import Trial

CHINESE_FONTS = ("Noto Sans CJK SC", "Source Han Sans SC", "WenQuanYi Micro Hei", "SimHei")
LONGEST_WAIT_DRAWN = 90
WIDTH, HEIGHT, DOTS = 13.0, 9.0, 110


class _Words:
    """Chinese first, where the machine has a font that can write it."""

    def __init__(self) -> None:
        known = {font.name for font in font_manager.fontManager.ttflist}
        self.font = next((name for name in CHINESE_FONTS if name in known), None)

    def __call__(self, zh: str, en: str) -> str:
        return f"{zh} {en}" if self.font else en

    def name(self, policy: Policy) -> str:
        return policy.name.zh_cn if self.font else policy.name.en


def draw(trial: Trial, centres: Mapping[str, str], path: Path) -> None:
    """Four panels in one PNG. `centres`: names by id."""
    words = _Words()
    with rc_context({"font.family": [words.font or "sans-serif"]}):
        _figure(trial, centres, words).savefig(path)


def _figure(trial: Trial, centres: Mapping[str, str], words: _Words) -> Figure:
    figure = Figure(figsize=(WIDTH, HEIGHT), dpi=DOTS, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, 2)
    together = {policy.id: sum(trial.measures[policy.id], Measures()) for policy in trial.policies}
    _by_hour(panels[0][0], trial, together, words)
    _waits(panels[0][1], trial, together, words)
    _loads(panels[1][0], trial, together, centres, words)
    _states(panels[1][1], trial, together, words)
    return figure


def _by_hour(axes: Axes, trial: Trial, together: Mapping[str, Measures], words: _Words) -> None:
    for policy in trial.policies:
        shares = [100 * together[policy.id].in_time_at(hour) for hour in HOURS]
        axes.plot(list(HOURS), shares, label=words.name(policy))
    axes.set(
        title=words("各时段 15 秒接通率", "Answered within 15 s, by hour"),
        xlabel=words("时", "hour"),
        ylabel="%",
        ylim=(0, 100),
    )
    axes.legend()


def _waits(axes: Axes, trial: Trial, together: Mapping[str, Measures], words: _Words) -> None:
    for policy in trial.policies:
        measures = together[policy.id]
        waits = sorted(measures.waits)
        answered = [number / measures.offered * 100 for number in range(1, len(waits) + 1)]
        axes.plot(waits, answered, label=words.name(policy))
    axes.axvline(SERVICE_LEVEL_SECONDS, color="grey", linestyle=":")
    axes.set(
        title=words("等待多久之内接通", "Answered within so many seconds"),
        xlabel=words("秒", "seconds"),
        ylabel=words("占来电 %", "% of calls offered"),
        xlim=(0, LONGEST_WAIT_DRAWN),
        ylim=(0, 100),
    )


def _loads(
    axes: Axes,
    trial: Trial,
    together: Mapping[str, Measures],
    centres: Mapping[str, str],
    words: _Words,
) -> None:
    """Each centre's load as a dot, and the stations' from the least to the most."""
    for policy in trial.policies:
        measures = together[policy.id]
        places = [station for station in measures.staffed if station not in centres]
        loads = sorted(100 * measures.load(station) for station in places)
        [line] = axes.plot(
            [100 * number / max(1, len(loads) - 1) for number in range(len(loads))],
            loads,
            label=words.name(policy),
        )
        for centre in centres:
            axes.plot(102, 100 * measures.load(centre), "o", color=line.get_color())
    axes.set(
        title=words(
            "负荷:各台由低到高,圆点为区域中心", "Load: stations in order, dots are the centres"
        ),
        xlabel=words("服务台 %", "% of stations"),
        ylabel=words("通话与整理占在岗 %", "% of time at work"),
    )


def _states(axes: Axes, trial: Trial, together: Mapping[str, Measures], words: _Words) -> None:
    drawn = False
    for policy in trial.policies:
        for state in NOT_STRONG if policy.strength else ():
            numbers = [together[policy.id].in_state(state, hour) for hour in HOURS]
            axes.plot(list(HOURS), numbers, label=f"{words.name(policy)}: {state}")
            drawn = True
    axes.set(
        title=words("状态:一台一类一计", "States, a station and topic each"),
        xlabel=words("时", "hour"),
        ylabel=words("平均每日", "on an average day"),
    )
    if drawn:
        axes.legend()
