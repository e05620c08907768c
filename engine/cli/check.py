"""`stage-engine check`: every table proven, every plan that is named checked, all findings told.

The findings are what this command is for, so they are data and go to stdout: as text, JSON or SARIF.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from engine.backends.folders import search_path
from engine.cli.codes import ExitCode
from engine.cli.complaints import complain
from engine.cli.examination import Examination, examine, sorted_out
from engine.cli.output import Output
from engine.cli.sarif import sarif
from engine.cli.watching import snapshot, watch

__all__ = ["CheckOptions", "check"]


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What the command line says. `paths`: folders of tables and plan files."""

    paths: Sequence[Path]
    backend: str | None
    write: bool
    format: Literal["text", "json", "sarif"]
    watch: bool


def check(options: CheckOptions, output: Output) -> ExitCode:
    """Prove and tell. With `watch`, again after every change, until Ctrl-C."""
    if options.watch:
        if options.format != "text":
            raise typer.BadParameter("it tells changes as text alone.", param_hint="--watch")
        folders, plans = sorted_out(options.paths)
        places = [folder.path for folder in search_path(folders)]
        return watch(
            lambda: snapshot(places, plans),
            lambda: examine(options.paths, options.backend, write=options.write),
            output,
        )
    done = examine(options.paths, options.backend, write=options.write)
    match options.format:
        case "json":
            output.json(done.to_json())
        case "sarif":
            output.json(sarif(done.findings, Path.cwd()))
        case "text":
            complain(output.data, done.findings)
    _sum_up(done, output)
    return ExitCode.INVALID if done.wrong else ExitCode.OK


def _sum_up(done: Examination, output: Output) -> None:
    for name in done.written:
        output.note(f"wrote {name}")
    if done.proven:
        output.note(_summary(done.proven, done.seconds), "green")
    elif done.plans:
        output.note("The plans were not checked: that needs tables that are proven.", "yellow")
    if done.plans and not done.wrong:
        output.note(f"{_count(len(done.plans), 'plan')} in order", "green")


def _summary(proven: Mapping[str, Sequence[str]], seconds: float) -> str:
    tables = _count(sum(len(stages) for stages in proven.values()), "table")
    return f"{tables} of {_count(len(proven), 'back end')} proven in {seconds:.1f} s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
