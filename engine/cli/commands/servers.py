"""Commands about servers: the one that stands in for a real one.

Only what can be typed is here, so that help and completion are quick; what does the work is imported when it is done.
"""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.ending import end
from engine.cli.help import App
from engine.cli.options import Backend, Tables

__all__ = ["add_to"]


def add_to(app: App) -> None:
    """Let the app have these commands."""
    app.command("preview", epilog=_PREVIEW)(_preview)


_PREVIEW = "[bold]Example:[/]  stage-engine preview --port 7860 --delay 4 --fail-on upscale=500"


def _preview(
    backend: Backend = None,
    port: Annotated[
        int, typer.Option("--port", "-p", metavar="N", min=0, max=65535, help="Where it listens. [dim](a free port)[/]")
    ] = 0,
    delay: Annotated[
        float,
        typer.Option("--delay", metavar="SECONDS", min=0, max=600, help="What every picture takes beside its drawing."),
    ] = 0.0,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            metavar="WHAT=HOW",
            help="What is to fail: requests of a stage type, or the request with this number; and how: an HTTP status, "
            "oom (the card is full), drop (the connection is cut), lost (the job is forgotten). May be given several "
            "times.",
        ),
    ] = None,
    missing: Annotated[
        list[str] | None,
        typer.Option(
            "--missing", metavar="NAME", help="A model that it does not have; it has every other. Several times, too."
        ),
    ] = None,
    tables: Tables = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Tell address, back end and process as one line of JSON on stdout.")
    ] = False,
) -> None:
    """Stand in for a back end's server, on this machine alone, without a GPU, until Ctrl-C.

    It answers in the real server's words and draws placeholder pictures: for people who build a client.
    """
    from engine.cli.preview import PreviewOptions, serve_preview

    options = PreviewOptions(backend, port, delay, fail_on or [], missing or [], tables or [], as_json)
    end(lambda output: serve_preview(options, output), as_json)
