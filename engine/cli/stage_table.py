"""The table of a run's stages: what each has given, and where it stands.

Pure but for the rows, which a run moves on. On a narrow terminal the same facts stand in fewer columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, RenderableType
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from engine.cli.output import is_screen, visible
from engine.images import Image
from engine.results import StageResult

__all__ = ["StageRow", "outcome", "stage_table"]

#: What the whole table needs, in cells; below it the columns are put in pairs.
_WIDE = 78

#: How long the bar of a running stage is, in cells.
_BAR = 9
#: A guess at what is left is none before this part is done.
_TOO_EARLY = 0.05

_STYLES = {
    "completed": "green",
    "partial": "yellow",
    "failed": "bold red",
    "cancelled": "yellow",
    "running": "cyan",
    "stopped": "yellow",
}


@dataclass(slots=True)
class StageRow:
    """One stage as the table shows it.

    `began`: a reading of `time.monotonic`; `ratio`: how far it is, from 0 to 1, where the server says so; `result`:
    what it gave, when it has ended; `left`: nobody waits for it any more.
    """

    number: int
    id: str
    type: str
    enabled: bool
    began: float | None = None
    ratio: float | None = None
    result: StageResult | None = None
    left: bool = False
    spinner: Spinner | None = None

    @property
    def status(self) -> str:
        """One word for where it stands."""
        if self.result is not None:
            return self.result.status
        if not self.enabled:
            return "off"
        if self.began is None:
            return "not run" if self.left else "waiting"
        return "stopped" if self.left else "running"


def stage_table(rows: Sequence[StageRow], now: float, console: Console) -> Table:
    """The table at one moment (`now` as `time.monotonic` says it)."""
    wide = console.width >= _WIDE
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1))
    headings = ["Stage", "Type", "Status", "Pictures", "Size", "Seeds", "Seconds"] if wide else ["Stage", "Status", ""]
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("Pictures", "Seconds", "") else "left")
    for row in rows:
        status = _status(row, console)
        pictures, size, seeds = _facts(row.result)
        took = _seconds(row, now)
        # A stage that runs has neither sizes nor seeds yet: how far it is stands in their place.
        bar = _bar(row)
        name = Text(visible(row.id), style="bold" if row.status == "running" else "")
        if wide:
            far = size if bar is None else bar
            table.add_row(name, visible(row.type), status, pictures, far, seeds or _left(row, now), took)
        else:
            far = (f"{pictures} of {size}" if pictures else "") if bar is None else bar
            under = Text(visible(row.type), style="dim")
            seeds = f"seed {seeds}" if seeds else _left(row, now)
            table.add_row(Text("\n").join([name, under]), _pair(status, far), f"{took}{' s' if took else ''}\n{seeds}")
    return table


def outcome(stage: StageResult) -> str:
    """What a stage has given, in one line."""
    pictures, size, _ = _facts(stage)
    made = "" if not pictures else f", {pictures} picture{'' if pictures == '1' else 's'} {size}"
    return f"{stage.status}{made}, {stage.duration:.1f} s"


def _pair(status: Text | Spinner, below: RenderableType) -> Table:
    pair = Table.grid()
    pair.add_row(status)
    pair.add_row(below)
    return pair


def _status(row: StageRow, console: Console) -> Text | Spinner:
    status = row.status
    text = Text(status, style=_STYLES.get(status, "dim"))
    if status != "running" or not is_screen(console):
        return text
    if row.spinner is None:
        row.spinner = Spinner("line" if console.options.ascii_only else "dots", text, style="cyan")
    return row.spinner


def _bar(row: StageRow) -> ProgressBar | None:
    if row.status != "running" or row.ratio is None:
        return None
    return ProgressBar(total=1, completed=row.ratio, width=_BAR, complete_style="cyan", finished_style="cyan")


def _left(row: StageRow, now: float) -> str:
    """How far a running stage is and, when that can be guessed, how long it still takes."""
    if row.status != "running" or row.ratio is None or row.began is None:
        return ""
    far, took = f"{row.ratio:.0%}", now - row.began
    if row.ratio < _TOO_EARLY or took < 1:
        return far
    return f"{far}, ~{took * (1 - row.ratio) / row.ratio:.0f} s left"


def _facts(result: StageResult | None) -> tuple[str, str, str]:
    if result is None or not result.images:
        return "", "", ""
    return str(len(result.images)), _sizes(result.images), _seeds(result.seeds)


def _sizes(images: Sequence[Image]) -> str:
    sizes = list(dict.fromkeys(f"{image.width}x{image.height}" for image in images))
    return sizes[0] if len(sizes) == 1 else f"{sizes[0]}, …"


def _seeds(seeds: Sequence[int]) -> str:
    if len(seeds) > 2 and list(seeds) == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(str(seed) for seed in seeds[:3]) + (", …" if len(seeds) > 3 else "")


def _seconds(row: StageRow, now: float) -> str:
    if row.result is not None:
        return f"{row.result.duration:.1f}" if row.began is not None else ""
    return "" if row.began is None else f"{now - row.began:.1f}"
