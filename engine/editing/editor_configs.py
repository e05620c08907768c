"""Schemas of plans and cases for editors: every word that a config may hold, with its meaning and its kind of value.

A config is told more than a schema can judge, so this is lenient where the rules normalise a value: what a lookup or a
conversion takes is not marked, and null may stand anywhere. This module describes configs; it reads none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from engine.editing.editor_language import field_text
from engine.editing.editor_parts import described, draft_07, item, mapping, ref
from engine.editing.schema_words import schema_words
from engine.rules.request import FieldRule, RequestRules
from engine.values import Json

__all__ = ["case_schema", "plan_schema", "schema_text"]

_DRAFT = "http://json-schema.org/draft-07/schema#"
_MADE = "Made from schemas/fields.json and mappings/request.yaml by 'stage-engine check --write'."
_WRONG = "No field is spelled so: completion lists them all."


def schema_text(schema: Mapping[str, Json]) -> str:
    """The file's text: one key a line, ending in a newline."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def plan_schema(rules: RequestRules, contract: Mapping[str, Json]) -> dict[str, Json]:
    """What a plan may be: its contract, with the fields of its configs."""
    plan = draft_07(contract)
    properties = dict(mapping(plan.get("properties")))
    stages = dict(mapping(properties.get("stages")))
    stage = dict(item(stages))
    members = dict(mapping(stage.get("properties")))
    kinds: Json = [*rules.stages]
    members["stage_type"] = {**mapping(members.get("stage_type")), "enum": kinds}
    members["stage_config"] = {**mapping(members.get("stage_config")), **_or_null(ref("config"))}
    properties["base_config"] = {**mapping(properties.get("base_config")), **_or_null(ref("config"))}
    properties["stages"] = {**stages, "items": {**stage, "properties": members}}
    picture: dict[str, Json] = {"type": "string", "minLength": 1}
    definitions: Json = {"config": _config(rules, picture)}
    return {"$schema": _DRAFT, "$comment": _MADE, **plan, "properties": properties, "definitions": definitions}


def case_schema(rules: RequestRules) -> dict[str, Json]:
    """What a case may be."""
    side: dict[str, Json] = {"type": "integer", "minimum": 1}
    size: dict[str, Json] = {"type": "array", "items": side, "minItems": 2, "maxItems": 2}
    told: dict[str, Json] = {
        "why": {"type": "string", "pattern": r"\S", "description": "What the case is there to show."},
        "base": {"description": "What all stages would share.", "allOf": [ref("config")]},
        "stage": {"description": "What this stage is told.", "allOf": [ref("config")]},
        "inputs": {"type": "array", "items": size, "description": "Width and height of each picture that comes in."},
        "on_unsupported": described("What becomes of what a back end cannot do.", {"enum": ["refuse", "warn"]}),
        "answers": described(
            "What the server says, one answer a request, the last one again and again.", _answers(size)
        ),
        "cancel_at": described("The second at which the run is cancelled.", {"type": "number", "minimum": 0}),
    }
    return {
        "$schema": _DRAFT,
        "$comment": _MADE,
        "type": "object",
        "required": ["why"],
        "properties": told,
        "additionalProperties": False,
        "definitions": {"config": _config(rules, size)},
    }


def _answers(size: dict[str, Json]) -> dict[str, Json]:
    said: dict[str, Json] = {
        "json": described("A body of JSON; `{picture: [width, height]}` in it stands for a picture in base64."),
        "text": described("A body of text.", {"type": "string"}),
        "picture": described("A picture that is the whole body: its width and height.", size),
        "fails": described("No answer comes.", {"enum": ["unreachable", "timeout"]}),
    }
    words: dict[str, Json] = {
        "status": described("The HTTP status; 200 where it is not said.", {"type": "integer"}),
        "after": described("How many seconds later it comes.", {"type": "number", "minimum": 0}),
        **said,
    }
    ways: list[Json] = [{"required": [word]} for word in said]
    answer: dict[str, Json] = {"type": "object", "properties": words, "additionalProperties": False, "oneOf": ways}
    return {"type": "array", "items": answer}


def _config(rules: RequestRules, picture: dict[str, Json]) -> dict[str, Json]:
    """Every spelling of every field; words that are dropped too, with the reason."""
    words: dict[str, Json] = {}
    for word, name in rules.spellings().items():
        other = "" if word == name else f"Another word for {name}.\n\n"
        words[word] = described(other + field_text(rules, name), _kind(rules.schemas[name], rules.rule(name), picture))
    for word, reason in rules.drops.items():
        words.setdefault(word, described(f"Dropped: {reason}"))
    return {"type": "object", "properties": words, "additionalProperties": False, "errorMessage": _WRONG}


def _kind(schema: Mapping[str, Json], rule: FieldRule, picture: dict[str, Json]) -> dict[str, Json]:
    """What may be written for a field, before the rules normalise it."""
    if "contentMediaType" in schema:
        return _or_null(picture)
    if rule.steps:
        return {}
    if rule.items:
        return _or_null({**_entries(schema, rule.items, picture)})
    # Without its description: editors would show it instead of the whole text.
    kind = {word: node for word, node in draft_07(schema).items() if word != "description"}
    unset: Json = [*rule.unset]
    return _or_null({"anyOf": [kind, {"enum": unset}]} if rule.unset else kind)


def _entries(schema: Mapping[str, Json], rules: Mapping[str, FieldRule], picture: dict[str, Json]) -> dict[str, Json]:
    words: dict[str, Json] = {}
    for name, inner in mapping(item(schema).get("properties")).items():
        node, rule = mapping(inner), rules.get(name, FieldRule(name))
        text = f"**{name}**: {schema_words(node)}\n\n{node.get('description', '')}".rstrip()
        for word in (name, *rule.aliases):
            words[word] = described(text, _kind(node, rule, picture))
    entry: Json = {"type": "object", "properties": words, "additionalProperties": False, "errorMessage": _WRONG}
    return {"type": "array", "items": entry}


def _or_null(schema: Mapping[str, Json]) -> dict[str, Json]:
    return {"anyOf": [dict(schema), {"type": "null"}]}
