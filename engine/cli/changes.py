"""A plan as the command line wants it: read, from a file or from stdin, and changed by `--set`, `--stages`, `--input`.

This module brings together what each of these options does; every command that takes a plan opens it here.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from engine.backends.catalog import Catalog
from engine.cli.options import DASH, PlanChanges
from engine.cli.output import Output
from engine.cli.pictures import pictures_at
from engine.cli.selection import with_stages
from engine.cli.settings import overruled, read_settings, with_settings
from engine.documents import MAX_BYTES
from engine.errors import PlanError
from engine.plan_files import PlanFile, load_plan, parse_plan

__all__ = ["hints_of_the_command", "open_plan"]

#: What helps on the command line, where the engine's own hint speaks of the plan's text.
_HINTS: Final = {
    "plan-no-input": "name pictures with --input, or let a stage before it run",
    "plan-input-unused": "leave --input out, or begin at a later stage with --stages",
    "plan-empty": "name one with --stages",
}


def open_plan(path: Path, catalog: Catalog, changes: PlanChanges, output: Output) -> PlanFile:
    """The plan at a path, or from stdin, with all changes.

    Raises PlanError and ImageError for what a file says, typer.BadParameter for what was typed. What a setting does
    not reach is noted.
    """
    file = load_plan(path, catalog) if path != DASH else parse_plan(_stdin(), "<stdin>", Path.cwd(), catalog)
    rules = catalog.rules
    settings = read_settings(changes.settings, file.plan, rules)
    file = with_settings(file, settings, rules)
    if changes.stages is not None:
        file = replace(file, plan=with_stages(file.plan, changes.stages, rules))
    if changes.inputs:
        file = replace(file, plan=replace(file.plan, input_images=pictures_at(changes.inputs)))
    for sentence in overruled(file, settings, rules):
        output.note(sentence, "yellow")
    return file


@contextlib.contextmanager
def hints_of_the_command() -> Iterator[None]:
    """Let what is wrong with a plan's course be mended with options of the command."""
    try:
        yield
    except PlanError as problem:
        found = (replace(finding, hint=_HINTS.get(finding.code, finding.hint)) for finding in problem.findings)
        raise PlanError(found) from problem


def _stdin() -> bytes:
    """Stdin as bytes, one more than a plan may have at the most: the reader says that it is too long."""
    return b"" if sys.stdin is None else sys.stdin.buffer.read(MAX_BYTES + 4)
