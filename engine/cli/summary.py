"""What became of several plans, in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from engine.cli.codes import ExitCode
from engine.cli.output import visible

__all__ = ["Outcome", "summary"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one plan. `data` is the same for programs; `folder` holds its pictures, if it gave some."""

    plan: Path
    word: str
    code: ExitCode
    data: Mapping[str, object]
    pictures: int = 0
    folder: Path | None = None


def summary(outcomes: Sequence[Outcome]) -> Table:
    """A row for each plan, in order."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1))
    for heading in ("Plan", "Ended", "Pictures", "Folder"):
        table.add_column(heading, justify="right" if heading == "Pictures" else "left", overflow="fold")
    for outcome in outcomes:
        ran = outcome.word != "not run"
        style = "" if not ran else "green" if outcome.code == ExitCode.OK else "red"
        count = str(outcome.pictures) if ran else ""
        folder = "" if outcome.folder is None else str(outcome.folder)
        table.add_row(visible(str(outcome.plan)), Text(outcome.word, style=style), count, visible(folder))
    return table
