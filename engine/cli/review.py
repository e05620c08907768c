"""`stage-engine review`: which payloads an edit changes and why, told for a terminal, a comment, a page or a program.

This module opens the two sides, writes what was asked for, and turns the outcome into an exit code. What is compared,
and in which words it is told, is `engine.review`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer
from rich.text import Text

from engine.cli.codes import ExitCode
from engine.cli.output import Output, visible
from engine.cli.saving import write_whole
from engine.errors import StageEngineError
from engine.review.building import build_side
from engine.review.data import report_json
from engine.review.markdown import markdown
from engine.review.page import page
from engine.review.report import Report, Verdict, review
from engine.review.sides import open_side
from engine.review.text import text_lines

__all__ = ["ReviewOptions", "show_review"]

_STYLES: Final = {
    "head": "bold",
    "alarm": "bold red",
    "title": "bold cyan",
    "old": "red",
    "new": "green",
    "dim": "dim",
    "plain": "",
}
_CODES: Final[dict[Verdict, ExitCode]] = {
    "same": ExitCode.OK,
    "payloads": ExitCode.PAYLOADS_CHANGED,
    "boundary": ExitCode.BOUNDARY_CHANGED,
    "invalid": ExitCode.INVALID,
}


@dataclass(frozen=True, slots=True)
class ReviewOptions:
    """What the command line says. `base`, `head`: folders or revisions; the files: where to write what."""

    base: str
    head: str | None
    root: Path
    markdown_file: Path | None
    page_file: Path | None
    as_json: bool


def show_review(options: ReviewOptions, output: Output) -> ExitCode:
    """Compare and tell. Raises TableError where the rules or cases of a side cannot be read at all."""
    try:
        with open_side(options.base, options.root) as base, open_side(options.head, options.root) as head:
            report = review(build_side(base), build_side(head))
    except StageEngineError as problem:
        if problem.code != "review-side":
            raise
        raise typer.BadParameter(problem.message, param_hint="BASE [HEAD]") from problem
    _write(options.markdown_file, markdown(report), "--markdown", output)
    _write(options.page_file, page(report), "--html", output)
    if options.as_json:
        output.json(report_json(report))
    else:
        _show(report, output)
    return _CODES[report.verdict]


def _write(file: Path | None, text: str, option: str, output: Output) -> None:
    if file is None:
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, text.encode())
    except OSError as problem:
        raise typer.BadParameter(f"{file} cannot be written: {problem.strerror}.", param_hint=option) from problem
    output.note(f"wrote {file}", "dim")


def _show(report: Report, output: Output) -> None:
    for kind, line in text_lines(report):
        output.shown(Text(visible(line, keep="\n"), style=_STYLES[kind]))
