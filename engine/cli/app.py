"""The command line itself: names, options and help, and the one place where errors become exit codes.

Each command hands its options to the module that does the work. Errors of the engine are told as findings; any
other exception is a fault of ours and keeps its traceback, without the values of variables.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from engine import __version__
from engine.cli.commands import new
from engine.cli.ending import end
from engine.cli.options import Backend, CheckFormat, Json, Plan, Tables
from engine.cli.output import Output, mend_width
from engine.cli.streams import guarded_streams

__all__ = ["app", "start"]

_EPILOG = (
    "[bold]A first picture:[/]  stage-engine run examples/portrait.yaml\n\n"
    "Exit codes: 0 ok · 1 failed · 2 wrong usage · 3 plan, table or contract invalid · 4 back end unavailable · "
    "5 fewer pictures than asked for · 130 cancelled"
)

app = typer.Typer(
    name="stage-engine",
    help="Run multi-stage image-generation plans against Stable Diffusion servers.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
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


@app.command("run", epilog="[bold]Example:[/]  stage-engine run examples/portrait.yaml --out pictures/first")
def _run(
    plan: Plan,
    backend: Backend = None,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            "-u",
            metavar="URL",
            help="The server's address, as in http://127.0.0.1:7860. Without it the built-in preview answers, and the "
            "pictures are placeholders.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Where the pictures go. Nothing is overwritten: if DIR is not empty, DIR-2 is taken. "
            "[dim](pictures/<name of the plan>)[/]",
        ),
    ] = None,
    tables: Tables = None,
    as_json: Json = False,
    preview_delay: Annotated[float, typer.Option("--preview-delay", hidden=True, min=0, max=600)] = 0.0,
) -> None:
    """Run a plan, save its pictures as they come, and list them.

    A user name and a password for the server are taken from STAGE_ENGINE_USERNAME and STAGE_ENGINE_PASSWORD.
    Ctrl-C stops when the stage has ended; a second one stops at once. What was made is kept.
    """
    from engine.cli.run import RunOptions, run_plan

    options = RunOptions(plan, backend, url, out, tables or [], as_json, preview_delay)
    end(lambda output: run_plan(options, output), as_json)


@app.command("payloads", epilog="[bold]Example:[/]  stage-engine payloads examples/portrait.yaml --stage upscale")
def _payloads(
    plan: Plan,
    backend: Backend = None,
    stage: Annotated[str | None, typer.Option("--stage", "-s", metavar="ID", help="Show this stage alone.")] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show where each value came from: plan, default or row, with its line.")
    ] = False,
    tables: Tables = None,
    as_json: Json = False,
) -> None:
    """Show what every stage of a plan would send. Nothing is sent.

    Pictures are shown as digests; those that do not exist yet as predicted:WIDTHxHEIGHT.
    """
    from engine.cli.payloads import PayloadOptions, show_payloads

    options = PayloadOptions(plan, backend, stage, tables or [], as_json, explain)
    end(lambda output: show_payloads(options, output), as_json)


@app.command("check", epilog="[bold]Example:[/]  stage-engine check my-tables examples/portrait.yaml")
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
        CheckFormat, typer.Option("--format", help="How findings are told; sarif is for code hosts and editors.")
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


@app.command("review", epilog="[bold]Example:[/]  stage-engine review main --html review.html")
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


@app.command("preview", epilog="[bold]Example:[/]  stage-engine preview --port 7860 --delay 4 --fail-on upscale=500")
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


@app.command("show", epilog="[bold]Example:[/]  stage-engine show hires --flat | grep width")
def _show(
    table: Annotated[
        str,
        typer.Argument(
            metavar="BACKEND/STAGE", help="A back end and a stage type; a stage type alone is the default back end's."
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


@app.command("explain", epilog="[bold]Example:[/]  stage-engine explain hires_denoise")
def _explain(
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="A field, another word for it, or an entry of a list's items.")
    ],
    tables: Tables = None,
    as_json: Json = False,
) -> None:
    """Tell everything about a field: type, default, other words, who sees it, what each back end makes of it."""
    from engine.cli.explain import ExplainOptions, explain

    options = ExplainOptions(field, tables or [], as_json)
    end(lambda output: explain(options, output), as_json)


new.add_to(app)
