"""All that the data says of one field: what it is, who sees it, what becomes of it in each back end.

What `explain` tells and what docs/fields.md is made from. It reads rules and flat tables and proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from engine.backends.capabilities import Limits
from engine.backends.catalog import Catalog
from engine.editing.uses import Use, uses_of
from engine.errors import Position
from engine.proofs.coverage import PICTURE, PICTURES
from engine.rules.request import FieldRule, RequestRules, Visibility
from engine.tables.traverse import names_in
from engine.values import Json

__all__ = ["FieldFacts", "TableUse", "TableUses", "field_facts", "known_names"]


@dataclass(frozen=True, slots=True)
class TableUse:
    """What one back end's table of one stage type does with a field."""

    backend: str
    stage: str
    uses: tuple[Use, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """Where the field ends in the payload."""
        return tuple(dict.fromkeys(u.target for u in self.uses if u.kind == "row" and u.target is not None))

    def reasons(self, kind: Literal["drop", "cannot"]) -> tuple[str, ...]:
        """Why the field is dropped, or what of it the back end cannot do."""
        return tuple(dict.fromkeys(u.text for u in self.uses if u.kind == kind))


@dataclass(frozen=True, slots=True)
class FieldFacts:
    """One field, or one entry of a list field's items (`units.model`).

    `stages`: stage type -> when it is seen there; `made_from`: the fields that it is derived from where it is not
    given; `makes`: those that are derived from it; `switches`: the groups that it turns on; `instead`: stage type ->
    what to write there instead; `declared`: where its type and its rule are written.
    """

    name: str
    schema: Mapping[str, Json]
    rule: FieldRule
    group: str | None
    stages: Mapping[str, str]
    made_from: tuple[str, ...]
    makes: tuple[str, ...]
    switches: tuple[str, ...]
    together: tuple[str, ...]
    instead: Mapping[str, str]
    declared: tuple[Position, ...]


def known_names(rules: RequestRules) -> dict[str, str]:
    """Every word that facts can be told of -> the field, or entry of a field's items, that it stands for."""
    words = {name: name for name in rules.schemas} | rules.spellings()
    for name in rules.schemas:
        for entry in _entries(rules.schemas[name]):
            words[f"{name}.{entry}"] = f"{name}.{entry}"
        for entry, rule in rules.rule(name).items.items():
            words |= {f"{name}.{alias}": f"{name}.{entry}" for alias in rule.aliases}
    return words


def field_facts(rules: RequestRules, name: str) -> FieldFacts:
    """The facts of a field that `known_names` gives."""
    owner, dot, entry = (name, "", "") if name in rules.schemas else name.partition(".")
    schema, rule = rules.schemas[owner], rules.rule(owner)
    siblings: Mapping[str, FieldRule] = rules.fields
    if dot:
        schema, rule, siblings = _entries(schema)[entry], rule.items.get(entry, FieldRule(entry)), rule.items
    group = rules.group_of(owner)
    makes = [other for other, r in siblings.items() if other != rule.name and rule.name in _sources(r)]
    together = [part for parts in rules.together if name in parts for part in parts if part != name]
    places = (rules.place("fields", owner), rule.at)
    return FieldFacts(
        name=name,
        schema=schema,
        rule=rule,
        group=group,
        stages=dict(_seen(rules, owner, group)),
        made_from=_sources(rule),
        makes=tuple(makes),
        switches=tuple(g for g in rules.groups if _switches(rules, g, name)),
        together=tuple(dict.fromkeys(together)),
        instead={stage.name: stage.instead[name] for stage in rules.stages.values() if name in stage.instead},
        declared=tuple(place for place in places if place is not None),
    )


@dataclass(frozen=True)
class TableUses:
    """What every table of every back end does with every field. Each table is gone through once."""

    catalog: Catalog

    @cached_property
    def _tables(self) -> Mapping[str, Mapping[str, Mapping[str, Sequence[Use]]]]:
        known, catalog = {}, self.catalog
        for backend in catalog.names():
            known[backend] = {stage: uses_of(catalog.table(backend, stage)) for stage in catalog.stages(backend)}
        return known

    @cached_property
    def _limits(self) -> Mapping[str, Mapping[str, Limits]]:
        stages, catalog = self.catalog.rules.stages, self.catalog
        return {name: {stage: catalog.limits(name, stage) for stage in stages} for name in catalog.names()}

    def of(self, facts: FieldFacts) -> Iterator[TableUse]:
        """What becomes of a field in every back end and stage. Raises TableError where a table cannot be read."""
        for backend, stages in self._tables.items():
            for stage in dict.fromkeys((*stages, *facts.stages)):
                seen = self._limits[backend][stage] if stage in facts.stages else {}
                uses = [*_impossible(seen, stage, facts)]
                for name in (facts.name, *(f"group {group}" for group in facts.switches)):
                    uses += stages.get(stage, {}).get(name, [])
                if uses:
                    yield TableUse(backend, stage, tuple(dict.fromkeys(uses)))


def _impossible(limits: Limits, stage: str, facts: FieldFacts) -> Iterator[Use]:
    """What the back end says that it cannot do and that is about the field: its stage, its group, itself, a value."""
    names: dict[str, set[str | None]] = {
        "stage": {stage},
        "group": {facts.group, *facts.switches},
        "field": {facts.name},
        "value": {facts.name},
    }
    for subject, limit in limits.items():
        if subject.name in names[subject.kind]:
            yield Use("cannot", None, f"{subject}: {limit.reason}", limit.at)


def _seen(rules: RequestRules, name: str, group: str | None) -> Iterator[tuple[str, str]]:
    for stage in rules.stages.values():
        if group in stage.groups:
            yield stage.name, _when(stage.groups[str(group)], name)
        elif name in rules.constants_of(stage):
            yield stage.name, "always, and always the same"
        elif any(seen.switch == name for seen in stage.groups.values()) or (stage.takes_images and _is_picture(name)):
            yield stage.name, "always"


def _is_picture(name: str) -> bool:
    return name == PICTURES or name.startswith(f"{PICTURE.partition('.')[0]}.")


def _when(seen: Visibility, name: str) -> str:
    own = "only from the stage's own config" if seen.own else "always"
    if seen.switch is None or seen.switch == name:
        return own
    return f"{own}, while {seen.switch} is on" if seen.own else f"while {seen.switch} is on"


def _switches(rules: RequestRules, group: str, name: str) -> bool:
    stages = (stage for stage in rules.stages.values() if group in stage.groups)
    return any(stage.groups[group].switch == name for stage in stages)


def _sources(rule: FieldRule) -> tuple[str, ...]:
    return () if rule.otherwise is None else tuple(dict.fromkeys(name for name, _ in names_in(rule.otherwise)))


def _entries(schema: Mapping[str, Json]) -> Mapping[str, Mapping[str, Json]]:
    items = schema.get("items")
    entries = items.get("properties") if isinstance(items, dict) else None
    return {k: v for k, v in entries.items() if isinstance(v, dict)} if isinstance(entries, dict) else {}
