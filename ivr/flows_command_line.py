"""`run_ivr.py flows …`: what a station manager asks before a flow goes live."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from callflows.errors import FlowErrors
from callflows.loader import load_callflow
from callflows.proof import prove
from callflows.schema import schema_text
from routing.directory import load_services


@click.group("flows")
def flows() -> None:
    """Call flows: check and prove them."""


@flows.command("check")
@click.argument("directory", required=False, type=click.Path(exists=True, path_type=Path))
@click.pass_context
def check(context: click.Context, directory: Path | None) -> None:
    """Say what is wrong with the flows of DIRECTORY (the configured ones, if not given): every
    mistake in a line with its place. What holds of every path at every hour of the coming year is
    proved too. Nothing goes live by this."""
    settings = context.obj.settings
    services = load_services(settings.sister_lines_directory)
    try:
        callflow = load_callflow(directory or settings.flows_directory, settings.entry_flow)
        problems = prove(callflow, datetime.now(UTC), services)
    except FlowErrors as errors:
        click.echo(str(errors))
        context.exit(1)
    for problem in problems:
        click.echo(str(problem))
    if any(problem.severity == "error" for problem in problems):
        context.exit(1)
    names = ", ".join(sorted(callflow.flows))
    click.echo(f"{callflow.name} {callflow.version}: all paths hold ({names})")


@flows.command("schema")
def show_schema() -> None:
    """Print the JSON Schema of a flow file, for editors."""
    click.echo(schema_text(), nl=False)
