"""What a table never does: fields that no row reads, drops that drop nothing, alternatives that no path takes.

It looks at what the walk over all paths has collected and at the text of the table. A key that nobody reads is the
oldest fault of hand-written mappings; here it is a finding, and a drop needs a reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.errors import Finding, did_you_mean
from engine.proofs.ownership import item_members
from engine.proofs.paths import Fields, SymbolicScope
from engine.proofs.symbolic import SymbolicAlgebra
from engine.rules.request import RequestRules, StageType
from engine.tables.domains import literal
from engine.tables.forms import Each, First, Guarded, Table, Take
from engine.tables.traverse import of_kind, rows_of, sections_of

__all__ = ["PICTURE", "PICTURES", "dead_findings", "drop_findings", "member_findings", "unread_findings"]

#: The fields of an input picture. No table has to read its size; the picture itself must be sent.
PICTURE, PICTURES = "input.image", "input_images"


def unread_findings(
    table: Table, stage: StageType, scope: SymbolicScope, read: frozenset[str], dropped: frozenset[str]
) -> Iterator[Finding]:
    """Fields that can be there on this path and are neither read nor dropped on it."""
    for name, domain in scope.fields.domains.items():
        if name.startswith("input.") or name == PICTURES or name in read | dropped:
            continue
        if not (_is_off(scope, name) or scope.pins.get(name, domain).never):
            message = f"{name} can be given, and where it is, no row reads it and nothing drops it"
            hint = f"add a row, or 'drop: {{{name}: the reason}}'"
            yield Finding("field-unread", message, at=table.at, hint=hint, field=name)
    if stage.takes_images and not {PICTURE, PICTURES} & read:
        message = f"the stage takes pictures, and no row reads {PICTURE}"
        yield Finding("field-unread", message, at=table.at, field=PICTURE)


def _is_off(scope: SymbolicScope, name: str) -> bool:
    """Whether this path has decided that the field's group is off."""
    group = scope.fields.group_of.get(name)
    switch = None if group is None else scope.pins.get(scope.fields.switches[group])
    return switch is not None and (switch.never or switch == literal(False))


def member_findings(table: Table, rules: RequestRules, fields: Fields, read: frozenset[str]) -> Iterator[Finding]:
    """Entries of list items that no row reads, where the list is gone through item by item."""
    dropped = {drop.name for section in sections_of(table.flow) for drop in section.drops}
    eaches = [(e.variable, e.source) for row in rows_of(table.flow) for e in of_kind(Each, row.expression)]
    eaches += [section.each for section in sections_of(table.flow) if section.each is not None]
    for source in dict.fromkeys(source for _, source in eaches):
        whole = any(source in take.sources for row in rows_of(table.flow) for take in of_kind(Take, row.expression))
        if whole or source not in fields.domains:
            continue
        variables = {variable for variable, over in eaches if over == source}
        for member in item_members(rules, source):
            if f"{source}.{member}" not in dropped and not any(f"{v}.{member}" in read for v in variables):
                message = f"no row reads {member} of the items of {source}, and nothing drops it"
                hint = f"add an entry, or 'drop: {{{source}.{member}: the reason}}'"
                yield Finding("field-unread", message, at=table.at, hint=hint, field=f"{source}.{member}")


def drop_findings(
    table: Table, rules: RequestRules, stage: StageType, fields: Fields, read: frozenset[str]
) -> Iterator[Finding]:
    """Drops of what the stage does not have or the table reads. An inherited drop may be of no use here."""
    known = {f"{name}.{member}" for name in fields.domains for member in item_members(rules, name)}
    known |= fields.domains.keys()
    for section in sections_of(table.flow):
        for drop in section.drops:
            if drop.name not in known and drop.inherited_by is None:
                message = f"{drop.name} is dropped, and a stage of type {stage.name} has no such field"
                yield Finding("drop-unknown-field", message, at=drop.at, hint=did_you_mean(drop.name, known))
            elif drop.name in read and section in table.flow and section.when is None:
                message = f"{drop.name} is dropped, and a row reads it"
                hint = "take the drop out; a table that inherits it says 'undrop'"
                yield Finding("drop-of-read-field", message, at=drop.at, hint=hint, origin=drop.inherited_by)


def dead_findings(table: Table, algebra: SymbolicAlgebra) -> Iterator[Finding]:
    """Conditions that always or never hold, alternatives that are never taken, lookup keys that are never met."""
    for section in sections_of(table.flow):
        if section.when is not None and id(section) not in algebra.reached:
            yield Finding("condition-never", "no request meets this condition", at=section.at)
        if section.refuse is not None and -id(section) not in algebra.reached:
            yield Finding("condition-always", "every request meets this condition and is refused", at=section.at)
        if section.otherwise and -id(section) not in algebra.reached:
            message = "every request meets this condition, so 'else' never applies"
            yield Finding("condition-always", message, at=section.at)
    for row in rows_of(table.flow):
        for guarded in of_kind(Guarded, row.expression):
            if id(guarded) not in algebra.reached:
                message = "no request meets the condition of this row"
                yield Finding("condition-never", message, at=guarded.at, origin=row.inherited_by)
        for first in of_kind(First, row.expression):
            for option in first.options:
                if id(option) not in algebra.reached:
                    message = "this alternative is never taken: it is never there, or one before it always is"
                    yield Finding("row-dead-alternative", message, at=option.at, origin=row.inherited_by)
    for name, used in algebra.used_keys.items():
        if name in algebra.open_lookups:
            continue
        lookup = table.lookups[name]
        for key in lookup.keys:
            if key not in used:
                message = f"the lookup has {key!r}, and no field that goes through it can be that"
                yield Finding("lookup-dead-key", message, at=lookup.at)
