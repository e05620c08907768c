"""Commands that ask what can be done: by a live server, and by each back end from its data.

Only what can be typed is here, so that help and completion are quick; what does the work is imported when it is done.
"""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.ending import end
from engine.cli.help import App
from engine.cli.options import SERVER, Backend, Json, Tables

__all__ = ["add_to"]


def add_to(app: App) -> None:
    """Let the app have these commands."""
    app.command("probe", epilog="[bold]Example:[/]  stage-engine probe --url http://127.0.0.1:7860")(_probe)
    app.command("backends", epilog="[bold]Example:[/]  stage-engine backends --json")(_backends)


def _probe(
    url: Annotated[
        str,
        typer.Option(
            "--url",
            "-u",
            metavar="URL",
            help="The server's address, as in http://127.0.0.1:7860.",
            rich_help_panel=SERVER,
        ),
    ],
    backend: Backend = None,
    tables: Tables = None,
    as_json: Json = False,
) -> None:
    """Ask a server what it has: version, checkpoints, samplers, upscalers, detectors and so on.

    A list that the server does not tell is unknown, which is not the same as none.
    """
    from engine.cli.probe import ProbeOptions, probe

    options = ProbeOptions(backend, url, tables or [], as_json)
    end(lambda output: probe(options, output), as_json)


def _backends(tables: Tables = None, as_json: Json = False) -> None:
    """Show what each back end can do, and what it cannot and why. Nothing is sent."""
    from engine.cli.backends import BackendsOptions, show_backends

    options = BackendsOptions(tables or [], as_json)
    end(lambda output: show_backends(options, output), as_json)
