"""Commands for people who edit tables: what is proven, shown, explained and reviewed.

Only what can be typed is here, so that help and completion are quick; what does the work is imported when it is done.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.cli import completion
from engine.cli.ending import end
from engine.cli.help import App
from engine.cli.options import Backend, CheckFormat, Json, Tables

__all__ = ["add_to"]


def add_to(app: App) -> None:
    """Let the app have these commands."""
    app.command("check", epilog=_CHECK)(_check)
    app.command("show", epilog=_SHOW)(_show)
    app.command("explain", epilog=_EXPLAIN)(_explain)
    app.command("review", epilog=_REVIEW)(_review)


_CHECK = "[bold]Example:[/]  stage-engine check examples/portrait.yaml"
_SHOW = "[bold]Example:[/]  stage-engine show hires --flat | grep width"
_EXPLAIN = "[bold]Example:[/]  stage-engine explain hires_denoise"
_REVIEW = "[bold]Example:[/]  stage-engine review main --html review.html"


def _check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATHS", help="Folders with mappings/ and schemas/, and plans.", exists=True),
    ] = None,
    backend: Backend = None,
    write: Annotated[
        bool, typer.Option("--write", help="First write the generated files anew that are out of date.")
    ] = False,
    watching: Annotated[
        bool, typer.Option("--watch", "-w", help="Check again whenever a file changes, and tell what that changed.")
    ] = False,
    form: Annotated[
        CheckFormat,
        typer.Option(
            "--format",
            metavar="text|json|sarif",
            help="How findings are told; sarif is for code hosts and editors.",
        ),
    ] = "text",
    as_json: Json = False,
) -> None:
    """Prove all tables: the built-in ones, your own, and those in the folders that you name.

    Plans that you name are checked too, against the default back end or --backend. Findings go to stdout.
    """
    from engine.cli.check import CheckOptions, check

    if as_json and form == "sarif":
        raise typer.BadParameter("is the same as --format json.", param_hint="--json")
    options = CheckOptions(paths or [], backend, write, "json" if as_json else form, watching)
    end(lambda output: check(options, output), options.format == "json")


def _show(
    table: Annotated[
        str,
        typer.Argument(
            metavar="BACKEND/STAGE",
            help="A back end and a stage type; a stage type alone is the default back end's.",
            autocompletion=completion.tables,
        ),
    ],
    flat: Annotated[
        bool, typer.Option("--flat", help="One line a row, in the order of the targets, each with all its conditions.")
    ] = False,
    tables: Tables = None,
    as_json: Json = False,
) -> None:
    """Show a stage's table as it counts: what it writes itself and what it inherits, each row with its place."""
    from engine.cli.show import ShowOptions, show

    options = ShowOptions(table, flat, tables or [], as_json)
    end(lambda output: show(options, output), as_json)


def _explain(
    field: Annotated[
        str,
        typer.Argument(
            metavar="FIELD",
            help="A field, another word for it, or an entry of a list's items.",
            autocompletion=completion.fields,
        ),
    ],
    tables: Tables = None,
    as_json: Json = False,
) -> None:
    """Tell everything about a field: type, default, other words, who sees it, what each back end makes of it."""
    from engine.cli.explain import ExplainOptions, explain

    options = ExplainOptions(field, tables or [], as_json)
    end(lambda output: explain(options, output), as_json)


def _review(
    base: Annotated[str, typer.Argument(metavar="BASE", help="The old side: a git revision, or a folder.")],
    head: Annotated[
        str | None,
        typer.Argument(metavar="[HEAD]", help="The new side: likewise. [dim](the folder as it lies)[/]"),
    ] = None,
    root: Annotated[
        Path,
        typer.Option(
            "--root",
            metavar="DIR",
            help="The folder with mappings/, schemas/ and cases/ that is reviewed. [dim](this one)[/]",
            exists=True,
            file_okay=False,
        ),
    ] = Path(),
    markdown: Annotated[
        Path | None, typer.Option("--markdown", metavar="FILE", help="Write a comment for a pull request.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write one page to look at.")] = None,
    as_json: Json = False,
) -> None:
    """Show which payloads an edit of tables changes, because of what, and in which back ends.

    Every case of both sides is built for every back end. Exit codes: 0 nothing changed, 10 payloads changed, 11 who
    owns a field or what a contract allows changed, 3 the new side's tables are not proven.
    """
    from engine.cli.review import ReviewOptions, show_review

    options = ReviewOptions(base, head, root, markdown, html, as_json)
    end(lambda output: show_review(options, output), as_json)
