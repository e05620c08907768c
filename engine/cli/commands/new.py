"""Commands that write the first files of something: a back end, a case.

Only what can be typed is here, so that help and completion are quick; what does the work is imported when it is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli.ending import end
from engine.cli.help import App

__all__ = ["add_to"]


def add_to(app: App) -> None:
    """Let the app have these commands."""
    app.add_typer(_new, name="new")


_new = App(
    no_args_is_help=True,
    help="Write the first files of a back end or of a case.",
    epilog="[bold]Example:[/]  stage-engine new backend mine --into my-tables",
)
_Into = Annotated[
    Path, typer.Option("--into", metavar="DIR", help="The folder for it, with mappings/ and schemas/.", file_okay=False)
]


@_new.command("backend", epilog="[bold]Example:[/]  stage-engine new backend mine --into my-tables")
def _new_backend(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the back end is called; its folder's name.")],
    extends: Annotated[
        str | None, typer.Option("--extends", metavar="BACKEND", help="Begin as this one, and say what differs.")
    ] = None,
    into: _Into = Path(),
) -> None:
    """Write a back end that passes check, to go on from. Nothing is overwritten."""
    from engine.cli.new import NewBackendOptions, new_backend

    options = NewBackendOptions(name, extends, into)
    end(lambda output: new_backend(options, output), as_json=False)


@_new.command("case", epilog="[bold]Example:[/]  stage-engine new case mine hires tall --into my-tables")
def _new_case(
    backend: Annotated[str, typer.Argument(metavar="BACKEND", help="The back end that it is for.")],
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="The stage type.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the case is called.")],
    into: _Into = Path(),
) -> None:
    """Write a case: a config of one stage, whose payload tests keep and reviews compare. Nothing is overwritten."""
    from engine.cli.new import NewCaseOptions, new_case

    options = NewCaseOptions(backend, stage, name, into)
    end(lambda output: new_case(options, output), as_json=False)
