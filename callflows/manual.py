"""The manual for flow authors, made of the steps' docstrings: `python -m callflows.manual`
prints it."""

from __future__ import annotations

import textwrap

from callflows.proof import (
    MOST_KEYS,
    MOST_SECONDS,
    MOST_SECONDS_IN_CRISIS,
    MOST_SECONDS_OF_MUSIC_IN_DANGER,
)
from callflows.reading import MOST_BYTES
from callflows.schema import manual_text
from callflows.steps import STEPS
from callflows.steps.step import Step

INTRODUCTION = f"""\
# Call flows

A call flow says what a caller hears and where each key leads. It is one YAML file a flow, its
name the file's; the flows as shipped are in `callflows/library/`. Copy one into your own folder
and change it: what your folder doesn't have is taken as shipped. An editor that knows JSON
Schema completes everything by `callflows/callflow.schema.json`.

```yaml
name: "12355"               # as the file is named; in quotes, for it is a text and not a number
title: 12355 青少年服务台
languages: [zh-CN, en]      # every prompt is needed in each; the first unless the caller's is known
start: greeting             # the first step
prompts:
  greeting:
    zh-CN: 你好，这里是12355青少年服务台。不用按键，也会有人接听。
    en: Hello, this is 12355. Just wait, somebody will answer.
steps:
  greeting:
    type: menu
    prompt: greeting
    exits:
      "1": law
      no_input: anyone
```

A step has a type, the parameters of that type, and `exits`: a step to go to for each outcome.
A subflow also names its `returns`: exits may lead to these, and the step `subflow` that went
through it has them as its own exits.

Texts may be written plainly; keys, times, dates and numbers that are names go in quotes
(`"1"`, `"08:30-17:30"`, `"12355"`). There are no anchors, aliases or tags, and a file has at
most {MOST_BYTES // 1024} kB.

## What holds without being written

- **`*` is crisis everywhere**, while recording and typing too, until a counselor is rung. It leads
  to the flow `crisis`, at the highest priority, and can mean nothing else.
- No key is ever needed, and a wrong key counts as none.
- A place in the queue is kept through menus, and through other queues. A message, a transfer
  and hanging up give it up.
- The language is the value `language`, which the trunk sets; a `set_value` may change it.

## What is proven

At every load: every exit leads to a step, every step can be reached, every prompt exists in every
language, and no loop is without something to wait for. All errors are told at once, each with
file, line and column.

Before a flow is published, for every hour of the coming year, holidays and exchanged workdays
included: every path ends in a human, a message or an emergency line; from `*` and from key 5
(`silent_confirmed`) only in somebody who answers, without recording notice or message, and with
a word after at most {MOST_SECONDS_OF_MUSIC_IN_DANGER} seconds of music; whoever presses nothing \
is connected with a human and
never goes round; a human is at most {MOST_KEYS} keys and {MOST_SECONDS:.0f} seconds away, \
{MOST_SECONDS_IN_CRISIS:.0f} seconds from `*`. A `survey` stands only after a counselor's talk, and
nowhere that `*` or key 5 leads to.

Nobody may be on duty at all. In danger, the exit `none_available` of every `queue` comes within
{MOST_SECONDS_IN_CRISIS:.0f} seconds to a `transfer` to the duty phone or to 12356 (`psychology`), \
and no way round leaves
it out. `police`, `ambulance` and `fire` may stand before it: they are rung only where the
caller's city is known.

Every service that a `transfer` or a `branch` names is one of the directory's (`directory.yaml`).

## Steps
"""


def manual() -> str:
    return INTRODUCTION + "".join(_entry(name, step) for name, step in STEPS.items())


def example(step: type[Step]) -> str:
    """The YAML example of a step's docstring."""
    return textwrap.dedent(manual_text(step).split("Example:\n")[1]).strip() + "\n"


def _entry(name: str, step: type[Step]) -> str:
    text = manual_text(step).split("\nExample:")[0].strip()
    return f"\n### {name}\n\n{text}\n\n```yaml\n{example(step)}```\n"


if __name__ == "__main__":
    print(manual(), end="")
