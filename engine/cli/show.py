"""`stage-engine show`: one stage's table as it counts, each row with its place and with the table that took it over.

This module prints what `engine.editing.outline` says, and knows nothing of what a row means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.text import Text

from engine.cli.codes import ExitCode
from engine.cli.inputs import choose_backend, open_catalog
from engine.cli.listing import part, show_line
from engine.cli.output import Output
from engine.editing.outline import Line, flat, outline
from engine.editing.writing import flow_text
from engine.errors import Position, did_you_mean
from engine.tables.forms import Table

__all__ = ["ShowOptions", "show"]


@dataclass(frozen=True, slots=True)
class ShowOptions:
    """What the command line says. `table`: a back end and a stage type, as in `mine/txt2img`."""

    table: str
    flat: bool
    tables: Sequence[Path]
    as_json: bool


def show(options: ShowOptions, output: Output) -> ExitCode:
    """Print the table. Raises TableError where it cannot be read."""
    catalog = open_catalog(options.tables)
    name, slash, stage = options.table.partition("/")
    backend = choose_backend(catalog, name if slash else None, "BACKEND/STAGE")
    stage = stage if slash else name
    known = catalog.stages(backend)
    if stage not in known:
        ways = did_you_mean(stage, known) or f"it has: {', '.join(known)}"
        raise typer.BadParameter(f"the back end {backend} has no stage {stage!r}; {ways}", param_hint="BACKEND/STAGE")
    table, contract = catalog.table(backend, stage), catalog.contract(backend, stage)
    meets = None if contract is None else contract.name
    lines = list(flat(table) if options.flat else outline(table))
    if options.as_json:
        output.json(_as_json(f"{backend}/{stage}", meets, table, lines))
        return ExitCode.OK
    _show_head(f"{backend}/{stage}", meets, table, lines, output)
    output.shown("")
    (_show_flat if options.flat else _show_nested)(lines, output)
    return ExitCode.OK


def _show_head(name: str, contract: str | None, table: Table, lines: Iterable[Line], output: Output) -> None:
    show_line(output, [part(name, "bold cyan"), part(f"meets the contract {contract}")])
    # The most derived table takes over all that it does not write itself, in one place.
    for at in dict.fromkeys(line.taken_over for line in lines if line.taken_over is not None):
        show_line(output, [part(f"rows of other files are taken over by {at.file}:{at.line}")])
    for lookup in table.lookups.values():
        if " " not in lookup.name:  # those that were written in place stand in their rows
            entries = ", ".join(f"{flow_text(key)}: {flow_text(value)}" for key, value in lookup.entries)
            show_line(output, [part(f"lookup {lookup.name}: ", "bold") + part(f"{{{entries}}}"), _place(lookup.at)])


def _show_nested(lines: Iterable[Line], output: Output) -> None:
    for line in lines:
        if line.depth == 0 and line.kind in ("when", "each"):
            output.shown("")
        if line.kind in ("row", "drop"):
            show_line(output, [*_pieces(line), _place(line.at)], 2 * line.depth)
        else:
            text = f"{line.name}: {line.text}" if line.text else f"{line.name}:"
            show_line(output, [part(text, "bold magenta"), _place(line.at)], 2 * line.depth)


def _show_flat(lines: Iterable[Line], output: Output) -> None:
    for line in lines:
        under = [part(condition, "magenta") for condition in line.under]
        show_line(output, [*_pieces(line), *under, _place(line.at)])


def _pieces(line: Line) -> list[Text]:
    if line.kind == "drop":
        return [part(f"{line.name}: ", "yellow") + part(f"dropped, {line.text}")]
    return [part(f"{line.name}: ", "green") + part(line.text)]


def _place(at: Position) -> Text:
    return part(f"[{at.file}:{at.line}]", "dim")


def _as_json(name: str, contract: str | None, table: Table, lines: Iterable[Line]) -> dict[str, object]:
    lookups = {
        lookup.name: [[key, value] for key, value in lookup.entries]
        for lookup in table.lookups.values()
        if " " not in lookup.name
    }
    return {
        "schema_version": 1,
        "table": name,
        "contract": contract,
        "lookups": lookups,
        "lines": [line.to_json() for line in lines],
    }
