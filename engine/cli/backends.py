"""`stage-engine backends`: what each back end can do, and what it cannot and why, from the data alone.

A table where there is room for one column a back end, else one block after the other; the reasons stand below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.table import Table

from engine.cli.codes import ExitCode
from engine.cli.inputs import open_catalog
from engine.cli.listing import part, show_line
from engine.cli.output import Output, visible
from engine.reference.matrix import BackendSummary, Cannot, summary_of

__all__ = ["BackendsOptions", "show_backends"]

#: What the first column and a back end's column need, in cells.
_FIRST, _COLUMN = 24, 13


@dataclass(frozen=True, slots=True)
class BackendsOptions:
    """What the command line says."""

    tables: Sequence[Path]
    as_json: bool


def show_backends(options: BackendsOptions, output: Output) -> ExitCode:
    """Print what the back ends can do. Raises TableError where one is not proven."""
    catalog = open_catalog(options.tables)
    found = [summary_of(catalog, name) for name in catalog.names()]
    if options.as_json:
        output.json({"schema_version": 1, "backends": [one.to_json() for one in found]})
        return ExitCode.OK
    for one in found:
        show_line(output, [part(one.name, "bold cyan"), part(one.title)])
    output.shown("")
    rows = list(_rows(found, list(catalog.rules.stages)))
    if output.data.width >= _FIRST + _COLUMN * len(found):
        _show_table(found, rows, output)
    else:
        _show_blocks(found, rows, output)
    for one in found:
        if one.cannot:
            output.shown("")
            show_line(output, [part(f"{one.name} cannot do", "bold")])
        for (kind, reason, stage), names in _by_reason(one.cannot).items():
            where = "" if stage is None else f" in {stage}"
            show_line(output, [part(f"{_WORDS[kind]}{', '.join(names)}{where}:"), part(reason)], 2)
    return ExitCode.OK


_WORDS = {"stage": "stages of type ", "group": "the group ", "field": "", "value": ""}


def _by_reason(cannot: Iterable[Cannot]) -> dict[tuple[str, str, str | None], list[str]]:
    """The names of what is not possible for one and the same reason."""
    found: dict[tuple[str, str, str | None], list[str]] = {}
    for one in cannot:
        found.setdefault((one.kind, one.reason, one.stage), []).append(one.shown)
    return found


def _rows(found: Sequence[BackendSummary], stages: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """What is compared: a heading, and a word for each back end."""
    for stage in stages:
        yield stage, [_yes(stage in [one.name for one in summary.stages]) for summary in found]
    for stage in stages:
        groups = dict.fromkeys(g for one in found for s in one.stages if s.name == stage for g in s.groups)
        for group in groups:
            cells = []
            for summary in found:
                here = next((s for s in summary.stages if s.name == stage), None)
                cells.append("" if here is None else _yes(group in here.groups))
            if len(set(cells) - {""}) > 1 or group in _NOTABLE:
                yield f"{stage}: {group}", cells
    notations = dict.fromkeys(name for one in found for name in one.notations or ())
    for notation in notations:
        yield f"prompt: {notation}", [_read(one, notation) for one in found]
    yield "tells what it has", [_yes(bool(one.asks)) for one in found]
    yield "preview", [_yes(one.preview) for one in found]


#: Groups that are shown even where all back ends agree.
_NOTABLE = frozenset({"refiner", "hires", "mask", "adetailer"})


def _read(summary: BackendSummary, notation: str) -> str:
    return "unknown" if summary.notations is None else _yes(notation in summary.notations)


def _yes(true: bool) -> str:
    return "yes" if true else "no"


def _show_table(found: Sequence[BackendSummary], rows: Sequence[tuple[str, list[str]]], output: Output) -> None:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", show_edge=False, padding=(0, 1))
    table.add_column("")
    for one in found:
        table.add_column(visible(one.name))
    for heading, cells in rows:
        table.add_row(heading, *(part(cell, "" if cell == "yes" else "dim") for cell in cells))
    output.data.print(table)


def _show_blocks(found: Sequence[BackendSummary], rows: Sequence[tuple[str, list[str]]], output: Output) -> None:
    for index, one in enumerate(found):
        show_line(output, [part(one.name, "bold")])
        for word in ("yes", "no"):
            headings = [heading for heading, cells in rows if cells[index] == word]
            if headings:
                show_line(output, [part(f"{word}:"), part(", ".join(headings))], 2)
