"""Every module that defines tables, in one place: migrations and tests need them all."""

from __future__ import annotations

from importlib import import_module

TABLE_MODULES = (
    "agents.presence_log",
    "agents.high_risk_calls",
    "agents.roster",
    "workorders.number_flags",
    "workorders.guards",
    "workorders.deadlines",
    "workorders.contact_plans",
    "routing.waiting",
    "routing.offers",
    "routing.callbacks",
    "routing.trials",
    "routing.standings",
    "ivr.publications",
    "ivr.sessions",
    "ivr.page_visits",
    "ivr.placed_calls",
    "ivr.heard_keys",
    "ivr.desk_requests",
    "ivr.twilio.browser_talks",
    "ivr.twilio.fetching",
    "console.accounts",
    "console.sessions",
    "console.audit",
    "console.page_limits",
    "console.api.tokens",
)


def load_tables() -> None:
    """Make `config.database.metadata` complete."""
    for name in TABLE_MODULES:
        import_module(name)
