"""`stage-engine explain`: everything about one field, and what becomes of it in each back end.

This module prints what `engine.reference.field_facts` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import typer
from rich.text import Text

from engine.cli.codes import ExitCode
from engine.cli.inputs import open_catalog
from engine.cli.listing import part, show_line
from engine.cli.output import Output
from engine.editing.schema_words import schema_words
from engine.editing.writing import flow_text
from engine.errors import Position, did_you_mean
from engine.reference.field_facts import FieldFacts, TableUse, TableUses, field_facts, known_names
from engine.rules.request import RequestRules
from engine.values import ABSENT

__all__ = ["ExplainOptions", "explain"]


@dataclass(frozen=True, slots=True)
class ExplainOptions:
    """What the command line says. `field`: a field, another word for it, or an entry of a list field's items."""

    field: str
    tables: Sequence[Path]
    as_json: bool


def explain(options: ExplainOptions, output: Output) -> ExitCode:
    """Tell of the field. Raises TableError where rules or tables cannot be read."""
    catalog = open_catalog(options.tables)
    rules, word = catalog.rules, options.field
    known = known_names(rules)
    if word in rules.drops:
        show_line(output, [part(f"{word} is no field. Wherever it stands, it is dropped: {rules.drops[word]}")])
        return ExitCode.OK
    if word not in known:
        ways = did_you_mean(word, known) or f"there are {len(rules.schemas)} fields: see docs/fields.md"
        raise typer.BadParameter(f"there is no field {word!r}; {ways}", param_hint="FIELD")
    facts = field_facts(rules, known[word])
    uses = list(TableUses(catalog).of(facts))
    if options.as_json:
        output.json(_as_json(facts, uses))
        return ExitCode.OK
    said = f"{word} is another word for {facts.name}" if word != facts.name else ""
    show_line(output, [part(facts.name, "bold cyan"), part(said)])
    show_line(output, [part(str(facts.schema.get("description", "")))], 2, 0)
    for label, text in _about(facts, rules):
        show_line(output, [part(text)], 2, 12, label)
    for at in facts.declared:
        show_line(output, [_place(at)], 2, 12, "declared")
    _show_uses(facts, uses, catalog.names(), output)
    return ExitCode.OK


def _about(facts: FieldFacts, rules: RequestRules) -> Iterator[tuple[str, str]]:
    rule = facts.rule
    yield "type", schema_words(facts.schema)
    if rule.default is not ABSENT:
        yield "default", flow_text(rule.default)
    if rule.required:
        yield "required", "wherever its group is on" if "." not in facts.name else "in every item"
    if rule.draw is not ABSENT:
        yield "drawn", f"{flow_text(rule.draw)} asks the runner to draw one"
    if rule.unset:
        yield "not given", f"so count null and {', '.join(map(flow_text, rule.unset))}"
    if rule.aliases:
        yield "also", ", ".join(rule.aliases)
    if facts.made_from:
        yield "made from", f"{', '.join(facts.made_from)}, where it is not given"
    if facts.makes:
        never = "it is never sent itself; " if rule.input else ""
        yield "makes", f"{never}from it is made: {', '.join(facts.makes)}"
    if facts.together:
        yield "together", f"counts only with {', '.join(facts.together)}"
    if facts.switches:
        yield "switches", f"the group {', '.join(facts.switches)}"
    if facts.group is not None:
        others = [name for name in rules.groups[facts.group] if name != facts.name]
        yield "group", f"{facts.group}{f' (with {_some(others)})' if others else ''}"
    for stage, when in facts.stages.items():
        yield "seen by", f"{stage}: {when}"
    for stage, text in facts.instead.items():
        yield "instead", f"on {stage}: {text}"


def _some(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def _show_uses(facts: FieldFacts, uses: Iterable[TableUse], backends: Sequence[str], output: Output) -> None:
    found = {name: list(group) for name, group in groupby(uses, key=lambda use: use.backend)}
    for backend in backends:
        output.shown("")
        show_line(output, [part(backend, "bold cyan")])
        if backend not in found:
            words = "never sent" if facts.rule.input else "no table of it reads or drops the field"
            show_line(output, [part(words, "dim")], 2)
        for use in found.get(backend, []):
            _show_use(use, output)


def _show_use(use: TableUse, output: Output) -> None:
    ends = ", ".join(use.targets)
    kinds = {one.kind for one in use.uses}
    otherwise = "cannot" if "cannot" in kinds else "dropped" if "drop" in kinds else "asked for"
    words = f"{use.stage} -> {ends}" if ends else f"{use.stage}: {otherwise}"
    show_line(output, [part(words, "bold" if ends else "yellow")], 2)
    for one in use.uses:
        match one.kind:
            case "drop":
                text = f"dropped, {one.text}"
            case "cannot":
                text = f"cannot do {one.text}"
            case "condition":
                text = f"asked for: when {one.text}" if one.target is None else f"asked for by {one.target}"
            case _:
                text = f"{one.target}: {one.text}" if len(one.text) < 100 else str(one.target)
        show_line(output, [part(text), _place(one.at)], 4)


def _place(at: Position) -> Text:
    return part(f"[{at.file}:{at.line}]", "dim")


def _as_json(facts: FieldFacts, uses: Iterable[TableUse]) -> dict[str, object]:
    rule = facts.rule
    data: dict[str, object] = {
        "schema_version": 1,
        "field": facts.name,
        "description": facts.schema.get("description"),
        "schema": dict(facts.schema),
        "type": schema_words(facts.schema),
        "aliases": [*rule.aliases],
        "required": rule.required,
        "unset": [*rule.unset],
        "group": facts.group,
        "stages": dict(facts.stages),
        "made_from": [*facts.made_from],
        "makes": [*facts.makes],
        "switches": [*facts.switches],
        "together": [*facts.together],
        "instead": dict(facts.instead),
        "declared": [_place_json(at) for at in facts.declared],
        "tables": [
            {
                "backend": use.backend,
                "stage": use.stage,
                "targets": [*use.targets],
                "dropped": [*use.reasons("drop")],
                "cannot": [*use.reasons("cannot")],
                "uses": [
                    {"kind": one.kind, "target": one.target, "text": one.text, "at": _place_json(one.at)}
                    for one in use.uses
                ],
            }
            for use in uses
        ],
    }
    if rule.default is not ABSENT:
        data["default"] = rule.default
    return data


def _place_json(at: Position) -> dict[str, object]:
    return at.to_json()
