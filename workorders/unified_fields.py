"""Codes of the unified fields 统一数据字段, read from `config/order_fields.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

import config
from config.yaml_file import YamlFile


class Cause(BaseModel):
    """A cause 案由 of the first level and those under it."""

    model_config = ConfigDict(extra="forbid")

    name: str
    of: list[str] = []


class UnifiedFields(BaseModel):
    """`choices` and `several`: the values a field may have, one or many of them.
    `dispatch_targets`: each with the outcome that a dispatch to it is. `follow_up_results`:
    each with whether it was a follow-up, so that nobody needs to try again."""

    model_config = ConfigDict(extra="forbid")

    version: str
    choices: dict[str, list[str]]
    several: dict[str, list[str]]
    referral_targets: list[str]
    report_targets: list[str]
    report_channels: list[str]
    report_checklist: list[str]
    dispatch_targets: dict[str, str]
    follow_up_results: dict[str, bool]
    risk_names: dict[str, str]
    causes: dict[str, dict[str, Cause]]

    @model_validator(mode="after")
    def _dispatches_have_outcomes(self) -> UnifiedFields:
        for target, outcome in self.dispatch_targets.items():
            if outcome not in self.several["outcomes"]:
                raise ValueError(f"dispatch_targets: {target}: {outcome} is no outcome")
        return self

    @cached_property
    def cause_names(self) -> dict[str, str]:
        """`L2` and `L2.1` to their names, 校园 and 校园/欺凌."""
        names: dict[str, str] = {}
        for group in self.causes.values():
            for code, cause in group.items():
                names[code] = cause.name
                for place, part in enumerate(cause.of, 1):
                    names[f"{code}.{place}"] = f"{cause.name}/{part}"
        return names

    def problems(self, fields: Mapping[str, Any]) -> list[str]:
        """What of `fields` isn't one of the codes, a line each. None is always allowed."""
        single = {**self.choices, "cause_main": list(self.cause_names)}
        several = {**self.several, "causes": list(self.cause_names)}
        found = []
        for name, value in fields.items():
            if value is None:
                continue
            if name in single and value not in single[name]:
                found.append(f"{name}: {value!r} is not one of {' '.join(single[name])}")
            for each in value if name in several else ():
                if each not in several[name]:
                    found.append(f"{name}: {each!r} is not one of {' '.join(several[name])}")
        return found


@lru_cache(maxsize=1)
def unified_fields() -> UnifiedFields:
    """The codes in force. Raises ConfigErrors."""
    folder = Path(config.__path__[0])
    return YamlFile(folder / "order_fields.yaml").checked(UnifiedFields)
