"""The schema of a table for editors: completion, hover texts and marks while a row is written.

`schemas/table.json` holds what this gives, in draft-07, which is what editors speak; `check` says when it is stale.
It is made from the language's own words, the fields, groups and conversions, and the targets of every contract. It
refuses what can be told from one file alone: a proof knows more. This module describes tables; it reads none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.editing.editor_language import (
    Flavour,
    binding,
    conversion,
    field,
    field_text,
    group,
    language,
    link,
    readable,
)
from engine.editing.editor_parts import described, draft_07, item, mapping, needs, ref, told
from engine.editing.editor_targets import MeantContract, meant_contracts
from engine.editing.meanings import FORMS, TABLES, Meaning
from engine.editing.schema_words import schema_words
from engine.rules.request import RequestRules
from engine.tables.contracts import Contract
from engine.tables.inherit import TABLE_WORDS
from engine.tables.sections import FLOW_WORDS
from engine.values import Json

__all__ = ["Vocabulary", "table_schema", "table_schema_text"]

_TARGET = r"^(-[^/]+|[^/-][^/]*)(/(-[^/]+|[^/-][^/]*))*(/-)?$"
_REASON: dict[str, Json] = {"type": "string", "pattern": r"\S", "errorMessage": "The reason belongs here, as text."}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What tables may name beside the language's own words: fields and groups, contracts, tables, lookups."""

    rules: RequestRules
    contracts: Mapping[str, Contract]
    tables: Sequence[str] = ()
    lookups: Sequence[str] = ()


def table_schema_text(vocabulary: Vocabulary) -> str:
    """The file's text: one definition a line, ending in a newline."""
    schema = table_schema(vocabulary)
    definitions = mapping(schema.pop("definitions"))
    lines = [f"  {_compact(name)}: {_compact(node)}" for name, node in definitions.items()]
    head = json.dumps(schema, indent=1, ensure_ascii=False).removesuffix("\n}")
    inside = ",\n".join(lines)
    return f'{head},\n "definitions": {{\n{inside}\n }}\n}}\n'


def _compact(node: Json) -> str:
    return json.dumps(node, ensure_ascii=False, separators=(",", ":"))


def table_schema(vocabulary: Vocabulary) -> dict[str, Json]:
    """The schema of a table, in draft-07."""
    plain = Flavour()
    definitions: dict[str, Json] = {
        "field": field(vocabulary.rules),
        "lookup": {"type": "object", "minProperties": 1},
        "lookupName": {"anyOf": [{"enum": [*vocabulary.lookups]}, {"type": "string", "pattern": r"\S"}]},
        "lookupOrName": {"anyOf": [ref("lookupName"), ref("lookup")]},
        "conversion": conversion(),
        "words": {"type": "object", "properties": {word: told(about, {}) for word, about in FORMS.items()}},
        "drop": _reasons(vocabulary.rules, others=False),
        "drop:each": _reasons(vocabulary.rules, others=_REASON),
    }
    for flavour in (plain, plain.each):
        definitions |= language(flavour, vocabulary.rules)
    known = meant_contracts(vocabulary.contracts)
    for name, contract in known.items():
        definitions |= _targets(name, contract.targets)
    for wanted in [None, *known]:
        for flavour in (Flavour(wanted), Flavour(wanted).each):
            definitions[flavour.name("rows")] = _rows(flavour, known)
            definitions[flavour.name("section")] = _section(flavour, vocabulary.rules)
    every = [word for contract in known.values() for word in contract.spellings]
    cases: list[Json] = [{"if": _payload(every), "then": True, "else": _contents(plain, vocabulary.rules, TABLE_WORDS)}]
    for name, contract in known.items():
        contents = _contents(Flavour(name), vocabulary.rules, TABLE_WORDS)
        cases.append({"if": _payload(contract.spellings), "then": contents})
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": "Made from the table language, the fields and the contracts by 'stage-engine check --write'.",
        "description": "A table: how the fields of a request become the payload that a server is sent.",
        "type": "object",
        "required": ["format"],
        "properties": {word: _top(word, vocabulary) for word in _ordered(TABLES, TABLE_WORDS)},
        "additionalProperties": False,
        "dependencies": {word: ["extends"] for word in ("replace", "remove", "undrop", "replace_lookups")},
        "allOf": cases,
        "definitions": definitions,
    }


def _payload(words: Sequence[str]) -> dict[str, Json]:
    return {"properties": {"payload": {"enum": [*words]}}, "required": ["payload"]}


def _rows(flavour: Flavour, contracts: Mapping[str, MeantContract]) -> dict[str, Json]:
    row: Json = flavour.ref("expression")
    if flavour.contract is None:
        names = dict.fromkeys(t for c in contracts.values() for t in c.targets if not t.endswith("*"))
        # Which contract it is for, the file does not say: any target may be right.
        return {
            "type": "object",
            "properties": dict.fromkeys(names, row),
            "propertyNames": _target_name(),
            "additionalProperties": row,
        }
    properties: dict[str, Json] = {}
    patterns: dict[str, Json] = {}
    for number, (target, schemas) in enumerate(contracts[flavour.contract].targets.items()):
        if target.endswith("*"):
            patterns[f"^{re.escape(target[:-1])}."] = row
        else:
            about = ref(_target(flavour.contract, number))
            properties[target] = {"description": _target_text(target, schemas[0]), "allOf": [about, row]}
    rows: dict[str, Json] = {"type": "object", "properties": properties, "additionalProperties": False}
    if patterns:
        rows["patternProperties"] = patterns
    return rows


def _targets(contract: str, targets: Mapping[str, Sequence[Mapping[str, Json]]]) -> dict[str, Json]:
    """What a hover says of each target, and what a constant there may be."""
    found: dict[str, Json] = {}
    for number, (target, schemas) in enumerate(targets.items()):
        kinds: list[Json] = [draft_07(schema) for schema in schemas]
        value: Json = kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        text = _target_text(target, schemas[0])
        found[_target(contract, number)] = {"description": text, "properties": {"value": value}}
    return found


def _section(flavour: Flavour, rules: RequestRules) -> dict[str, Json]:
    words: dict[str, Json] = {word: told(TABLES[word], {}) for word in _ordered(TABLES, FLOW_WORDS)}
    return {
        "type": "object",
        "properties": words,
        "additionalProperties": False,
        **_contents(flavour, rules, FLOW_WORDS),
    }


def _contents(flavour: Flavour, rules: RequestRules, words: Iterable[str]) -> dict[str, Json]:
    """What stands behind the words of a section or table, for one contract."""
    names: Json = {"type": "string", "pattern": r"\S"}

    def parts(flavour: Flavour) -> dict[str, Json]:
        several: dict[str, Json] = {"type": "array", "items": flavour.ref("section")}
        found: dict[str, Json] = {
            "rows": flavour.ref("rows"),
            "replace": flavour.ref("rows"),
            "groups": {
                "type": "object",
                "properties": {
                    name: described(f"Where {name} is on. Its fields: {', '.join(fields)}", flavour.ref("rows"))
                    for name, fields in rules.groups.items()
                },
                "additionalProperties": False,
            },
            "flow": several,
            "then": {"anyOf": [flavour.ref("section"), several]},
            "else": {"anyOf": [flavour.ref("section"), several]},
            "when": flavour.ref("condition"),
            "group": group(rules),
            "drop": flavour.ref("drop"),
            "refuse": _REASON,
            "use": names,
            "import": imported(flavour),
            "before": names,
            "nodes": {"type": "object", "additionalProperties": _node(flavour)},
            "sets": {"type": "object", "additionalProperties": link()},
        }
        return {word: part for word, part in found.items() if word in words}

    contents: dict[str, Json] = {
        "dependencies": {word: {"anyOf": needs("when", "group")} for word in ("else", "refuse")}
    }
    if flavour.inside_each:
        return {**contents, "properties": {**parts(flavour), "each": binding(flavour)}}
    return {
        **contents,
        "if": {"required": ["each"]},
        "then": {"properties": {**parts(flavour.each), "each": binding(flavour)}},
        "else": {"properties": parts(flavour)},
    }


def _node(flavour: Flavour) -> dict[str, Json]:
    """A node of a graph."""
    names: Json = {"type": "string", "pattern": r"\S"}
    one: Json = "A node is of a 'class', or 'like' another: write one of the two."
    return {
        "type": "object",
        "properties": {
            "class": names,
            "like": names,
            "links": {"type": "object", "additionalProperties": link()},
            "inputs": flavour.ref("entries"),
        },
        "additionalProperties": False,
        "oneOf": [{"required": ["class"]}, {"required": ["like"]}],
        "errorMessage": one,
    }


def imported(flavour: Flavour) -> dict[str, Json]:
    """A workflow that is taken in."""
    names: Json = {"type": "string", "pattern": r"\S"}
    return {
        "type": "object",
        "required": ["workflow"],
        "properties": {
            "workflow": names,
            "names": {"type": "object", "additionalProperties": names},
            "cut": {"type": "array", "items": names},
            "bind": flavour.ref("entries"),
        },
        "additionalProperties": False,
    }


def _top(word: str, vocabulary: Vocabulary) -> dict[str, Json]:
    """What stands behind a word at the top of a table, whatever its contract."""
    lookups: dict[str, Json] = {"type": "object", "additionalProperties": ref("lookup")}
    names: dict[str, Json] = {"type": "string", "pattern": r"\S"}
    parts: dict[str, dict[str, Json]] = {
        "format": {"const": 1},
        "payload": {"anyOf": [{"enum": [*vocabulary.contracts]}, names]},
        "extends": {"anyOf": [{"enum": [*vocabulary.tables]}, names]},
        "lookups": lookups,
        "replace_lookups": lookups,
        "remove": {"type": "object", "propertyNames": _target_name(), "additionalProperties": _REASON},
        "undrop": ref("drop"),
    }
    return told(TABLES[word], parts.get(word, {}))


def _reasons(rules: RequestRules, others: Json) -> dict[str, Json]:
    """A mapping from fields to reasons; `others`: what stands behind other names."""
    fields: dict[str, Json] = {name: {**_REASON, **described(text)} for name, text in _droppable(rules).items()}
    return {"type": "object", "properties": fields, "additionalProperties": others}


def _droppable(rules: RequestRules) -> dict[str, str]:
    """Every field, and every entry of a list field's items, with its text."""
    found = {name: field_text(rules, name) for name in readable(rules)}
    for name in list(found):
        found |= {f"{name}.{inner}": text for inner, text in _members(rules.schemas[name])}
    return found


def _members(schema: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    for name, inner in mapping(item(schema).get("properties")).items():
        node = mapping(inner)
        yield name, f"**{name}**: {schema_words(node)}\n\n{node.get('description', '')}".rstrip()
        for below, text in _members(node):
            yield f"{name}.{below}", text


def _target(contract: str, number: int) -> str:
    return f"target:{contract.replace('/', '.')}:{number}"


def _target_name() -> dict[str, Json]:
    wrong = "A target is the keys that lead there: outer/inner; '-' at the end appends to a list."
    return {"pattern": _TARGET, "errorMessage": wrong, "patternErrorMessage": wrong}


def _ordered(meanings: Mapping[str, Meaning], words: Iterable[str]) -> list[str]:
    """The words in the order in which their meanings stand; one that has no meaning is a KeyError of ours."""
    order = list(meanings)
    return sorted(words, key=order.index)


def _target_text(target: str, schema: Mapping[str, Json]) -> str:
    return f"{target}: {schema_words(schema)}. {schema.get('description', '')}".rstrip()
