"""What must be in order before a table can be walked: its rows name lookups, conversions and late values that exist.

A conversion gets as many values as it takes, with a parameter of the right kind. Nothing is evaluated here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.errors import Finding, did_you_mean
from engine.tables.conversions import CONVERSIONS
from engine.tables.forms import LATE_NAMES, Convert, Late, Lookup, Table, Take
from engine.tables.traverse import of_kind, rows_of
from engine.values import ABSENT, is_number

__all__ = ["loose_ends"]


def loose_ends(table: Table) -> Iterator[Finding]:
    """Yield a finding for every step of every row that cannot be taken, and every late value that never comes."""
    for row in rows_of(table.flow):
        for late in of_kind(Late, row.expression):
            if late.name not in LATE_NAMES:
                message = f"nothing becomes known as {late.name!r} when a payload is sent"
                hint = did_you_mean(late.name, LATE_NAMES) or f"there is: {', '.join(LATE_NAMES)}"
                yield Finding("row-unknown-late", message, at=late.at, hint=hint, origin=row.inherited_by)
        for take in of_kind(Take, row.expression):
            for finding in _take_findings(take, table):
                yield replace(finding, origin=row.inherited_by)


def _take_findings(take: Take, table: Table) -> Iterator[Finding]:
    width = len(take.sources)
    for step in take.steps:
        if isinstance(step, Lookup):
            if step.table not in table.lookups:
                hint = did_you_mean(step.table, table.lookups)
                yield Finding("row-unknown-lookup", f"there is no lookup {step.table!r}", at=step.at, hint=hint)
            wanted = 1
        else:
            yield from _parameter_findings(step, table)
            wanted = CONVERSIONS[step.conversion].inputs if step.conversion in CONVERSIONS else width
        if width != wanted:
            name = step.conversion if isinstance(step, Convert) else "a lookup"
            yield Finding("row-arity", f"{name} takes {wanted} values and gets {width}", at=step.at)
        width = 1
    if width != 1:
        message = f"a row sends one value, and this one has {width}"
        yield Finding("row-arity", message, at=take.at, hint="say what is made of them: as: …")


def _parameter_findings(step: Convert, table: Table) -> Iterator[Finding]:
    conversion = CONVERSIONS.get(step.conversion)
    if conversion is None:
        hint = did_you_mean(step.conversion, CONVERSIONS) or f"there are: {', '.join(CONVERSIONS)}"
        yield Finding("row-unknown-conversion", f"there is no conversion {step.conversion!r}", at=step.at, hint=hint)
        return
    argument, ok = step.argument, True
    match conversion.parameter:
        case "none":
            ok = argument is ABSENT
        case "integer":
            ok = isinstance(argument, int) and not isinstance(argument, bool) and argument > 0
        case "number":
            ok = is_number(argument)
        case "text":
            ok = isinstance(argument, str)
        case "lookup":
            ok = isinstance(argument, str) and argument in table.lookups
    if not ok:
        needs = {
            "none": "takes no parameter",
            "integer": f"needs a whole number above 0: {{{step.conversion}: 8}}",
            "number": f"needs a number: {{{step.conversion}: 2.5}}",
            "text": f"needs a text: {{{step.conversion}: …}}",
            "lookup": f"needs the name of a lookup: {{{step.conversion}: …}}",
        }[conversion.parameter]
        near = did_you_mean(argument, table.lookups) if isinstance(argument, str) else None
        yield Finding("row-parameter", f"{step.conversion} {needs}", at=step.at, hint=near)
