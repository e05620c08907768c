"""The command line: the app with all its commands, its own options, and how it is started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from engine import __version__
from engine.cli.commands import live, new, plans, servers, tables
from engine.cli.help import App
from engine.cli.output import Output, mend_width
from engine.cli.streams import guarded_streams

__all__ = ["app", "start"]

_EPILOG = (
    "[bold]A first picture:[/]  stage-engine run examples/portrait.yaml\n\n"
    "Exit codes: 0 ok · 1 failed · 2 wrong usage · 3 plan, table or contract invalid · 4 back end unavailable · "
    "5 fewer pictures than asked for · 130 cancelled"
)

app = App(
    name="stage-engine",
    help="Run multi-stage image-generation plans against Stable Diffusion servers.",
    epilog=_EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    # A traceback with variables would show passwords of the environment.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def start(arguments: Sequence[str] | None = None) -> None:
    """Run the command. Raises SystemExit."""
    mend_width()
    with guarded_streams():
        app(args=None if arguments is None else list(arguments), prog_name="stage-engine")


def _version(asked: bool) -> None:
    if asked:
        Output().line(f"stage-engine {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", help="Tell the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


for commands in (plans, tables, new, servers, live):
    commands.add_to(app)
