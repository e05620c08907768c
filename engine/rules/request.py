"""What a request may hold: the rules of `mappings/request.yaml` over the fields of `schemas/fields.json`.

The rules say, for every field, how it is spelled, what stands in for it when it is not given and how it is
normalised; which fields form a group; and, for every stage type, which groups it sees and when. They are data.
A folder of someone's own adds to the rules of the folders before it. This module reads the rules;
`engine.proofs.rule_checks` proves them, `engine.rules.resolve` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from engine.documents import Document
from engine.errors import Finding, Position, TableError, did_you_mean
from engine.rules.rule_forms import FieldRule, StageType, Visibility
from engine.tables.contracts import Definition, with_needed
from engine.tables.expressions import ExpressionReader
from engine.tables.forms import LookupTable
from engine.tables.shapes import Path
from engine.values import ABSENT, Json

__all__ = ["FieldRule", "RequestRules", "StageType", "Visibility", "read_rules"]

T = TypeVar("T")

_RULE_WORDS = frozenset(
    {"aliases", "default", "required", "replace", "lookup", "as", "unset", "otherwise", "input", "draw", "items"}
    | {"neutral", "names", "notations", "tags_to"}
)
_STAGE_WORDS = frozenset({"takes_images", "groups", "toggle", "constants", "instead"})
_FILE_WORDS = frozenset({"format", "stages", "groups", "fields", "together", "lookups", "drop"})


@dataclass(frozen=True, slots=True)
class RequestRules:
    """All rules together, with every field's schema, without `$ref`. `together`: fields that count together only."""

    schemas: Mapping[str, Mapping[str, Json]]
    fields: Mapping[str, FieldRule]
    groups: Mapping[str, tuple[str, ...]]
    stages: Mapping[str, StageType]
    drops: Mapping[str, str]
    lookups: Mapping[str, LookupTable]
    together: tuple[tuple[str, ...], ...] = ()
    places: Mapping[tuple[str, ...], Position] = field(default_factory=dict)

    def place(self, *path: str) -> Position | None:
        """Where something is written: ("fields", a field), ("groups", a group) or ("groups", it, its member)."""
        return self.places.get(path)

    def rule(self, name: str) -> FieldRule:
        """The rule of a field; the plainest one where none is written."""
        return self.fields.get(name, FieldRule(name))

    @property
    def toggles(self) -> tuple[str, ...]:
        """The toggles of all stage types, in order."""
        found = dict.fromkeys(s.toggle for s in self.stages.values() if s.toggle is not None)
        return tuple(name for name in found if name is not None)

    @property
    def switches(self) -> frozenset[str]:
        """Every field that switches a group in some stage type."""
        stages = self.stages.values()
        return frozenset(v.switch for s in stages for v in s.groups.values() if v.switch is not None)

    def group_of(self, name: str) -> str | None:
        """The group that a field belongs to, or None: flags, switches and `input.*` belong to none."""
        return next((group for group, fields in self.groups.items() if name in fields), None)

    def spellings(self) -> dict[str, str]:
        """Every word that a config may use for a field -> the field."""
        words = {name: name for name in self.schemas if "." not in name and name != "input_images"}
        for name, rule in self.fields.items():
            words.update(dict.fromkeys(rule.aliases, name))
        return words

    def constants_of(self, stage: StageType) -> dict[str, Json]:
        """What every request of a stage type says: its type, all toggles with only its own true, its constants."""
        toggles: dict[str, Json] = {name: name == stage.toggle for name in self.toggles}
        return {"stage_type": stage.name, **toggles, **stage.constants}


def read_rules(documents: Sequence[Document], declared: Mapping[str, Definition]) -> RequestRules:
    """The rules of several files together, over the fields of fields.json. Raises TableError with all findings."""
    schemas: dict[str, Mapping[str, Json]] = {name: definition.schema for name, definition in declared.items()}
    findings: list[Finding] = []
    fields: dict[str, FieldRule] = {}
    groups: dict[str, tuple[str, ...]] = {}
    stages: dict[str, StageType] = {}
    drops: dict[str, str] = {}
    lookups: dict[str, LookupTable] = {}
    places: dict[tuple[str, ...], Position] = {("fields", name): d.at for name, d in declared.items()}
    together: tuple[tuple[str, ...], ...] = ()
    for document in documents:
        reader = _RulesReader(document)
        part = reader.read(schemas)
        findings += reader.findings
        add = partial(_add, document, findings)
        add("stages", stages, {k: s for k, s in part.stages.items() if not _widens(stages.get(k), s)})
        for name, stage in part.stages.items():
            if stages[name] is not stage and _widens(stages[name], stage):
                stages[name] = replace(stages[name], groups={**stages[name].groups, **stage.groups})
        add("fields", fields, part.fields)
        add("groups", groups, part.groups)
        add("drop", drops, part.drops)
        add("lookups", lookups, part.lookups)
        places.update(part.places)
        together += part.together
    if findings:
        raise TableError(findings)
    if "stage_type" in schemas:  # what it can be is said here alone, so that a folder can add a stage type
        schemas["stage_type"] = {**schemas["stage_type"], "enum": list(stages)}
    schemas |= {
        name: with_needed(schemas[name], r.filled) for name, r in fields.items() if r.filled and name in schemas
    }
    return RequestRules(schemas, fields, groups, stages, drops, lookups, together, places)


def _add(document: Document, findings: list[Finding], what: str, ours: dict[str, T], theirs: Mapping[str, T]) -> None:
    for key, value in theirs.items():
        if key in ours:
            message = f"{what} has {key!r} already: a folder adds to the rules, it does not change them"
            findings.append(Finding("rules-collision", message, at=document.key_at(what, key)))
        else:
            ours[key] = value


def _widens(known: StageType | None, stage: StageType) -> bool:
    """Whether this only lets a stage type that is known see further groups."""
    return (
        known is not None
        and stage == StageType(stage.name, stage.at, stage.groups)
        and not (known.groups.keys() & stage.groups.keys())
    )


class _RulesReader(ExpressionReader):
    """Reads one request.yaml."""

    def read(self, schemas: Mapping[str, Mapping[str, Json]]) -> RequestRules:
        top = self.mapping((), self.document.value, "request.yaml")
        self.known((), top, _FILE_WORDS, "request.yaml")
        self.format(top, "request.yaml")
        lookups = {
            name: self.lookup_table(("lookups", name), node, name)
            for name, node in self.mapping(("lookups",), top.get("lookups"), "'lookups'").items()
        }
        groups, places = {}, dict[tuple[str, ...], Position]()
        for name, node in self.mapping(("groups",), top.get("groups"), "'groups'").items():
            members = self.items(("groups", name), node, "a group")
            groups[name] = tuple(self.text(("groups", name, i), m, "a field name") for i, m in enumerate(members))
            places["groups", name] = self.document.key_at("groups", name)
            for index, member in enumerate(groups[name]):
                places["groups", name, member] = self.document.at("groups", name, index)
        stages = {
            name: self._stage(name, ("stages", name), node)
            for name, node in self.mapping(("stages",), top.get("stages"), "'stages'").items()
        }
        fields = {
            name: self._rule(name, ("fields", name), node)
            for name, node in self.mapping(("fields",), top.get("fields"), "'fields'").items()
        }
        drops = {
            name: self.text(("drop", name), reason, "a drop's reason")
            for name, reason in self.mapping(("drop",), top.get("drop"), "'drop'").items()
        }
        together = tuple(
            self._together(("together", index), part, schemas)
            for index, part in enumerate(self.items(("together",), top.get("together", []), "'together'"))
        )
        return RequestRules(schemas, fields, groups, stages, drops, {**lookups, **self.lookups}, together, places)

    def _together(self, path: Path, node: Json, schemas: Mapping[str, Mapping[str, Json]]) -> tuple[str, ...]:
        names = self._words(path, node)
        for index, name in enumerate(names):
            if name not in schemas:
                hint = did_you_mean(name, schemas)
                at = self.document.at(*path, index)
                self.fault("rules-unknown-field", f"'together' names {name!r}, which is no field", at, hint)
        return names

    def _stage(self, name: str, path: Path, node: Json) -> StageType:
        stage = self.mapping(path, node, "a stage type")
        self.known(path, stage, _STAGE_WORDS, "a stage type")
        groups = self.mapping((*path, "groups"), stage.get("groups"), "'groups'")
        instead = self.mapping((*path, "instead"), stage.get("instead"), "'instead'")
        return StageType(
            name,
            self.document.key_at(*path),
            {group: self._visibility((*path, "groups", group), seen) for group, seen in groups.items()},
            takes_images=self._flag(path, stage, "takes_images"),
            toggle=self.text((*path, "toggle"), stage["toggle"], "a toggle") if "toggle" in stage else None,
            constants=self.mapping((*path, "constants"), stage.get("constants"), "'constants'"),
            instead={key: self.text((*path, "instead", key), text, "'instead'") for key, text in instead.items()},
        )

    def _visibility(self, path: Path, node: Json) -> Visibility:
        if node == "always":
            return Visibility()
        if node == "own":
            return Visibility(own=True, defaults=False)
        if isinstance(node, str):
            return Visibility(switch=self.text(path, node, "a switch"))
        form = self.mapping(path, node, "a group's visibility")
        self.known(path, form, {"own", "switch", "defaults"}, "a group's visibility")
        return Visibility(
            own=self._flag(path, form, "own"),
            switch=self.text((*path, "switch"), form["switch"], "a switch") if "switch" in form else None,
            defaults=self._flag(path, form, "defaults", otherwise=True),
        )

    def _rule(self, name: str, path: Path, node: Json) -> FieldRule:
        rule = self.mapping(path, node, "a field's rule")
        self.known(path, rule, _RULE_WORDS, "a field's rule")
        items = self.mapping((*path, "items"), rule.get("items"), "'items'")
        otherwise = (*path, "otherwise")
        return FieldRule(
            name,
            self.document.key_at(*path),
            aliases=self._words((*path, "aliases"), rule.get("aliases")),
            default=rule.get("default", ABSENT),
            required=self._flag(path, rule, "required"),
            steps=self.steps(path, rule),
            unset=tuple(self.items((*path, "unset"), rule["unset"], "'unset'")) if "unset" in rule else (),
            otherwise=self.expression(otherwise, rule["otherwise"]) if "otherwise" in rule else None,
            input=self._flag(path, rule, "input"),
            draw=rule.get("draw", ABSENT),
            items={key: self._rule(key, (*path, "items", key), item) for key, item in items.items()},
            notations=self._flag(path, rule, "notations"),
            tags_to=self.text((*path, "tags_to"), rule["tags_to"], "'tags_to'") if "tags_to" in rule else None,
            names=self.text((*path, "names"), rule["names"], "'names'") if "names" in rule else None,
            neutral=tuple(self.items((*path, "neutral"), rule["neutral"], "'neutral'")) if "neutral" in rule else (),
        )

    def _flag(self, path: Path, node: Mapping[str, Json], word: str, *, otherwise: bool = False) -> bool:
        return self.flag((*path, word), node[word], f"'{word}'") if word in node else otherwise

    def _words(self, path: Path, node: Json) -> tuple[str, ...]:
        words = [] if node is None else self.items(path, node, "a list of words")
        return tuple(self.text((*path, i), word, "a word") for i, word in enumerate(words))
