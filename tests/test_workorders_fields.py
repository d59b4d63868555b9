"""The unified fields: every code list belongs to a column that can hold it."""

from __future__ import annotations

from sqlalchemy import JSON

from workorders.order import orders
from workorders.unified_fields import unified_fields


def test_code_lists_belong_to_columns() -> None:
    fields = unified_fields()
    assert all(isinstance(orders.c[name].type, JSON) for name in (*fields.several, "causes"))
    assert not any(isinstance(orders.c[name].type, JSON) for name in fields.choices)


def test_no_code_twice() -> None:
    fields = unified_fields()
    for values in (*fields.choices.values(), *fields.several.values(), fields.referral_targets):
        assert len(values) == len(set(values))
    assert set(fields.risk_names) == set(fields.choices["risk"])


def test_cause_names() -> None:
    names = unified_fields().cause_names
    assert names["L2"] == "校园"
    assert names["L2.1"] == "校园/欺凌"
    assert unified_fields().problems({"cause_main": "L2.1", "causes": ["P1", "G9"]}) == []
    assert len(unified_fields().problems({"cause_main": "L2.9", "causes": ["P1", "X"]})) == 2
