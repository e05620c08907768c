"""Commands about plans: what runs one, and what shows what would be sent.

Only what can be typed is here, so that help and completion are quick; what does the work is imported when it is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import completion
from engine.cli.ending import end
from engine.cli.help import App
from engine.cli.options import (
    OUTPUT,
    SERVER,
    Backend,
    Inputs,
    Json,
    Names,
    Plan,
    PlanChanges,
    Plans,
    Set,
    Stages,
    Tables,
)

__all__ = ["add_to"]


def add_to(app: App) -> None:
    """Let the app have these commands."""
    app.command("run", epilog=_RUN)(_run)
    app.command("payloads", epilog=_PAYLOADS)(_payloads)


_RUN = (
    "[bold]Examples:[/]\n\n"
    "stage-engine run examples/portrait.yaml --out pictures/first\n\n"
    "stage-engine run examples/portrait.yaml --set prompt='a harbour at dusk' --set polish.steps=12\n\n"
    "stage-engine run examples/portrait.yaml --stages enlarge.. --input 'pictures/first/01-*.png'"
)
_PAYLOADS = (
    "[bold]Examples:[/]\n\n"
    "stage-engine payloads examples/portrait.yaml --stage enlarge\n\n"
    "stage-engine payloads examples/portrait.yaml --set draw.width=512 --json"
)


def _run(
    plans: Plans,
    settings: Set = None,
    stages: Stages = None,
    inputs: Inputs = None,
    backend: Backend = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            "-u",
            metavar="URL",
            help="The server's address, as in http://127.0.0.1:7860. Without it the built-in preview answers, and the "
            "pictures are placeholders.",
            rich_help_panel=SERVER,
        ),
    ] = None,
    no_probe: Annotated[
        bool,
        typer.Option(
            "--no-probe",
            help="Do not ask the server first whether it has what the plan names.",
            rich_help_panel=SERVER,
        ),
    ] = False,
    names: Names = None,
    tables: Tables = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Where the pictures go. Nothing is overwritten: if DIR is not empty, DIR-2 is taken. Several plans "
            "get a folder each in DIR. [dim](pictures/<name of the plan>)[/]",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: Json = False,
    events: Annotated[
        Path | None,
        typer.Option(
            "--events",
            metavar="FILE",
            help="Add what happens to FILE while it happens, a JSON object a line; - is stdout, and nothing else is "
            "there then.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Say nothing but errors and the saved files.", rich_help_panel=OUTPUT),
    ] = False,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast", help="Of several plans, stop at the first that does not complete.")
    ] = False,
    preview_delay: Annotated[float, typer.Option("--preview-delay", hidden=True, min=0, max=600)] = 0.0,
) -> None:
    """Run plans, save their pictures as they come, and list the files.

    A user name and a password for the server are taken from STAGE_ENGINE_USERNAME and STAGE_ENGINE_PASSWORD.
    Ctrl-C stops and keeps what was made; a second one leaves at once.
    """
    from engine.cli.run import RunOptions, run_plans

    changes = PlanChanges.of(settings, stages, inputs)
    options = RunOptions(
        plans, changes, backend, url, out, tables or [], events, fail_fast, as_json, preview_delay, not no_probe, names
    )
    end(lambda output: run_plans(options, output), as_json, quiet=quiet)


def _payloads(
    plan: Plan,
    stage: Annotated[
        str | None,
        typer.Option("--stage", "-s", metavar="ID", help="Show this stage alone.", autocompletion=completion.stage_ids),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show where each value came from: plan, default or row, with its line.")
    ] = False,
    settings: Set = None,
    stages: Stages = None,
    inputs: Inputs = None,
    backend: Backend = None,
    names: Names = None,
    tables: Tables = None,
    as_json: Json = False,
) -> None:
    """Show what every stage of a plan would send. Nothing is sent.

    Pictures are shown as digests; those that do not exist yet as predicted:WIDTHxHEIGHT.
    """
    from engine.cli.payloads import PayloadOptions, show_payloads

    changes = PlanChanges.of(settings, stages, inputs)
    options = PayloadOptions(plan, changes, backend, stage, tables or [], as_json, explain, names)
    end(lambda output: show_payloads(options, output), as_json)
