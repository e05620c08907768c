"""docs/fields.md: every field by its group, what it may be, and what it ends as in each back end.

Made of the facts that `explain` tells. This module writes Markdown and decides nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence

from engine.backends.catalog import Catalog
from engine.editing.schema_words import schema_words
from engine.markup import as_markdown
from engine.reference.field_facts import FieldFacts, TableUse, TableUses, field_facts, known_names
from engine.rules.request import RequestRules
from engine.values import ABSENT

__all__ = ["field_reference_text"]

_HEAD = """\
# Fields

<!-- Made from schemas/fields.json, mappings/request.yaml and the tables by 'stage-engine check --write'. -->

What a plan's configs may say, group by group, and what it ends as in the payload of each back end.
`stage-engine explain FIELD` tells the same of one field, with the lines where it stands. *own*: only the stage's own
config counts. *while*: a field is seen while that switch is on.
"""


def field_reference_text(catalog: Catalog) -> str:
    """The page. Raises TableError where rules or tables cannot be read."""
    rules, uses = catalog.rules, TableUses(catalog)
    names = list(dict.fromkeys(known_names(rules).values()))
    backends = catalog.names()
    parts = [_HEAD]
    for group, members in rules.groups.items():
        parts += [f"## {group}\n", f"{_seen_by(rules, group)}\n", _table(rules, uses, members, backends)]
        for member in members:
            entries = [name for name in names if name.startswith(f"{member}.")]
            if entries:
                parts += [f"### The entries of {member}\n", _table(rules, uses, entries, backends)]
    grouped = {name for members in rules.groups.values() for name in members}
    rest = [name for name in rules.schemas if name not in grouped]
    parts += ["## Switches, pictures, and what every request says\n", _table(rules, uses, rest, backends)]
    if rules.drops:
        parts.append("## Words that are dropped\n")
        parts.append("".join(f"- `{word}`: {reason}\n" for word, reason in rules.drops.items()))
    return "\n".join(parts)


def _seen_by(rules: RequestRules, group: str) -> str:
    seen: list[str] = []
    for stage in rules.stages.values():
        if group in stage.groups:
            how = stage.groups[group]
            notes = [*(["own"] if how.own else []), *([f"while `{how.switch}`"] if how.switch is not None else [])]
            seen.append(f"{stage.name} ({', '.join(notes)})" if notes else stage.name)
    return f"Seen by: {', '.join(seen)}."


def _table(rules: RequestRules, uses: TableUses, names: Iterable[str], backends: Sequence[str]) -> str:
    head = ["Field", "Type", "Default", "Also written", *backends]
    lines = [_row(head), _row(["---"] * len(head))]
    for name in names:
        facts = field_facts(rules, name)
        found = _by_backend(uses.of(facts))
        ends = ["<br>".join(_ends(facts, found.get(backend, ()))) for backend in backends]
        default = "" if facts.rule.default is ABSENT else f"`{json.dumps(facts.rule.default, ensure_ascii=False)}`"
        about = f"`{name.rpartition('.')[2]}`<br>{as_markdown(str(facts.schema.get('description', '')))}"
        also = ", ".join(f"`{alias}`" for alias in facts.rule.aliases)
        lines.append(
            _row([about, as_markdown(schema_words(facts.schema)), default or _instead_of_default(facts), also, *ends])
        )
    return "\n".join(lines) + "\n"


def _instead_of_default(facts: FieldFacts) -> str:
    if facts.rule.required:
        return "*required*"
    return f"from {', '.join(f'`{name}`' for name in facts.made_from)}" if facts.made_from else ""


def _by_backend(uses: Iterable[TableUse]) -> Mapping[str, Sequence[TableUse]]:
    found: dict[str, list[TableUse]] = {}
    for use in uses:
        found.setdefault(use.backend, []).append(use)
    return found


def _ends(facts: FieldFacts, uses: Iterable[TableUse]) -> Iterator[str]:
    """What becomes of the field in one back end, said once for all stages of which it is true."""
    if facts.rule.input:
        yield f"as {', '.join(f'`{name}`' for name in facts.makes)}"
        return
    told: dict[str, list[str]] = {}
    for use in uses:
        ends = [f"`{target}`" for target in use.targets]
        ends += [f"cannot: {as_markdown(reason)}" for reason in use.reasons("cannot")]
        ends += [f"dropped: {as_markdown(reason)}" for reason in use.reasons("drop")]
        told.setdefault(", ".join(ends), []).append(use.stage)
    several = len([end for end in told if end]) > 1
    for end, stages in told.items():
        if end:
            yield f"{end} ({', '.join(stages)})" if several else end


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
