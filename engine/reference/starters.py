"""The files that a new back end, or a new case, begins with: texts, made from the rules and proven like any other.

Whatever the rules say must be sent has a row; all else is named as something that the server cannot do, each with a
reason to replace, so that nothing is left out in silence. This module makes texts; it reads nothing and writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from engine.editing.writing import flow_text
from engine.rules.request import RequestRules, StageType
from engine.values import ABSENT, Json

__all__ = ["backend_files", "case_text", "child_files", "first_stage"]

_MODELINE = "# yaml-language-server: $schema=../../schemas/table.json\n"
_CASE_MODELINE = "# yaml-language-server: $schema=../../../schemas/case.json"
_NOT_YET = "no table of this back end says how yet"


def first_stage(rules: RequestRules) -> StageType:
    """The stage type that a back end begins with: the first that makes pictures from nothing."""
    return next((s for s in rules.stages.values() if not s.takes_images), next(iter(rules.stages.values())))


def backend_files(name: str, rules: RequestRules, stage: StageType) -> dict[str, str]:
    """A back end of its own with one stage type: path below the folder -> text."""
    sent = [field for field in _visible(rules, stage) if _always(rules, stage, field)]
    return {
        f"mappings/{name}/backend.yaml": _description(name, rules, stage, sent),
        f"mappings/{name}/{stage.name}.yaml": _table(name, rules, stage, sent),
        f"schemas/{name}/{stage.name}.json": _contract(rules, stage, sent),
        f"cases/{name}/{stage.name}/minimal.yaml": case_text(rules, stage, "Nothing but what must be said."),
    }


def child_files(name: str, parent: str, rules: RequestRules, stage: StageType) -> dict[str, str]:
    """A back end that is another but for what it says itself: path below the folder -> text."""
    description = (
        f"# {name} is {parent} but for what stands here, and for the tables beside this file.\n"
        f"format: 1\nname: {name}\ntitle: {name}\nextends: {parent}\n"
    )
    table = (
        f"{_MODELINE}# All rows of {parent}/{stage.name}: 'rows' adds to them, 'replace' and 'remove' change them.\n"
        f"# 'stage-engine show {name}/{stage.name}' prints what there is.\n"
        f"format: 1\nextends: {parent}/{stage.name}\n"
    )
    return {
        f"mappings/{name}/backend.yaml": description,
        f"mappings/{name}/{stage.name}.yaml": table,
        f"cases/{name}/{stage.name}/minimal.yaml": case_text(rules, stage, "Nothing but what must be said."),
    }


def case_text(rules: RequestRules, stage: StageType, why: str) -> str:
    """A case that builds: what the stage type cannot do without, and a picture where it takes some."""
    lines = [_CASE_MODELINE, f"why: {json.dumps(why, ensure_ascii=False) if ': ' in why else why}"]
    needed = {field: _example(rules, field) for field in _visible(rules, stage) if _must_be_said(rules, stage, field)}
    if not needed:
        field = next(iter(_visible(rules, stage)), None)
        needed = {} if field is None else {field: _example(rules, field)}
    lines.append("stage:")
    lines += [f"  {field}: {flow_text(value)}" for field, value in needed.items()]
    if stage.takes_images:
        lines.append("inputs: [[512, 512]]     # width and height of each picture that comes in")
    return "\n".join(lines) + "\n"


def _description(name: str, rules: RequestRules, stage: StageType, sent: Iterable[str]) -> str:
    known = set(sent)
    counts = [field for field in ("batch_size", "n_iter") if field in known]
    product = f"{{from: [{', '.join(counts)}], as: product}}"
    count = product if len(counts) == 2 else counts[0] if counts else "{value: 1}"
    size = [side if side in known else "{value: 512}" for side in ("width", "height")]
    lines = [
        f"# Where {name} is asked, and what its answers mean. docs/tables.md tells every word.",
        f"format: 1\nname: {name}\ntitle: {name}",
        "errors: {message: [/error]}             # where a refusal says why",
        "answers:",
        "  pictures: {images: /images}           # where an answer holds its pictures, as base64 text in a list",
        "stages:",
        f"  {stage.name}:",
        f"    post: [{stage.name}]                     # the segments of the path",
        "    answer: pictures",
        f"    gives: {{count: {count}, width: {size[0]}, height: {size[1]}}}",
        "",
        "# Replace each reason, or take the line out and write a row.",
        "cannot:",
    ]
    groups = [group for group, seen in stage.groups.items() if known.isdisjoint(rules.groups[group]) or seen.switch]
    if groups:
        lines.append("  groups:")
        lines += [f"    {group}: {_NOT_YET}" for group in groups]
    fields = [f for f in _visible(rules, stage) if f not in known and rules.group_of(f) not in groups]
    if fields:
        lines.append("  fields:")
        lines += [f"    {field}: {_NOT_YET}" for field in fields]
    return "\n".join(lines if groups or fields else lines[:-3]) + "\n"


def _table(name: str, rules: RequestRules, stage: StageType, sent: Iterable[str]) -> str:
    lines = [f"{_MODELINE}format: 1\npayload: {name}/{stage.name}\n", "rows:"]
    lines += [f"  {field}: {field}" for field in sent]
    lines += ["", "drop:"]
    lines += [f"  {field}: the path says which stage it is" for field in rules.constants_of(stage)]
    return "\n".join(lines) + "\n"


def _contract(rules: RequestRules, stage: StageType, sent: Iterable[str]) -> str:
    fields = list(sent)
    contract: dict[str, Json] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"What may be sent for {stage.name}",
        "type": "object",
        "required": [*fields],
        "properties": {field: {**rules.schemas[field]} for field in fields},
        "additionalProperties": False,
    }
    return json.dumps(contract, indent=2, ensure_ascii=False) + "\n"


def _visible(rules: RequestRules, stage: StageType) -> list[str]:
    """The fields of the groups that a stage type sees, but for those that are never sent."""
    return [
        field
        for group in stage.groups
        for field in rules.groups[group]
        if not rules.rule(field).input and field in rules.schemas
    ]


def _always(rules: RequestRules, stage: StageType, field: str) -> bool:
    """Whether every request of the stage type holds the field."""
    group, rule = rules.group_of(field), rules.rule(field)
    seen = stage.groups[str(group)]
    return seen.switch is None and (rule.required or (seen.defaults and rule.default is not ABSENT))


def _must_be_said(rules: RequestRules, stage: StageType, field: str) -> bool:
    seen = stage.groups[str(rules.group_of(field))]
    return seen.switch is None and rules.rule(field).required


def _example(rules: RequestRules, field: str) -> Json:
    """A value that the field may have."""
    return _value(rules.schemas[field])


def _value(schema: Mapping[str, Json]) -> Json:
    choices = schema.get("enum")
    if isinstance(choices, list) and choices:
        return choices[0]
    match schema.get("type"):
        case "integer" | "number":
            return schema.get("minimum", schema.get("maximum", 1))
        case "boolean":
            return True
        case "array":
            items = schema.get("items")
            return [_value(items)] if isinstance(items, dict) else []
        case "object":
            required, members = schema.get("required"), schema.get("properties")
            names = required if isinstance(required, list) else []
            known = members if isinstance(members, dict) else {}
            return {str(n): _value(m) for n in names if isinstance(m := known.get(str(n)), dict)}
        case _:
            return "something"
