"""From two configs to a request's fields: layers, spellings, defaults, derived values, groups."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.testing.naive.forms import NOT_THERE, Scope, equal, evaluate, stepped
from engine.testing.naive.reading import Files

__all__ = ["Resolved", "resolve", "rule_of", "seen_how"]


@dataclass(frozen=True)
class Resolved:
    """The request's fields, the groups that are on, and the fields that somebody asked for (others are defaults)."""

    fields: dict[str, Any]
    groups: set[str]
    asked: set[str]


def resolve(files: Files, stage: str, base: Mapping[str, Any], own: Mapping[str, Any]) -> Resolved:
    """The request's fields for a stage of this type."""
    rules = files.rules
    kind = rules["stages"][stage]
    toggles = list(dict.fromkeys(one["toggle"] for one in rules["stages"].values() if "toggle" in one))
    words = {word: name for name in files.fields for word in (name, *rule_of(rules, name).get("aliases", []))}
    layers = [
        {words[key]: value for key, value in layer.items() if key in words and key not in toggles}
        for layer in (own, base)
    ]
    homes = {name: group for group, names in rules["groups"].items() for name in names}
    asked: set[str] = set()

    def value(name: str, seen: Mapping[str, Any]) -> Any:
        rule = rule_of(rules, name)
        for index, layer in enumerate(layers[:1] if seen["own"] else layers):
            found = _normal(rules, rule, layer.get(name))
            if found is NOT_THERE and "otherwise" in rule:
                found = derived(rule["otherwise"], index)
            if found is not NOT_THERE:
                asked.add(name)
                return _whole(files.fields[name], found)
            if name in layer:
                break
        return rule.get("default", NOT_THERE) if seen["defaults"] else NOT_THERE

    def derived(form: Mapping[str, Any], index: int) -> Any:
        first, *others = dict.fromkeys(_mentioned(form))
        raw = layers[index].get(first)
        if _is_unset(rule_of(rules, first), raw) or (index == 1 and first in layers[0]):
            return NOT_THERE
        known = {name: value(name, seen_how(kind, homes[name])) for name in others if homes[name] in kind["groups"]}
        there = {name: one for name, one in known.items() if one is not NOT_THERE}
        return evaluate(form, Scope({**there, first: raw}, set(), rules["lookups"]))

    fields: dict[str, Any] = {
        "stage_type": stage,
        **{toggle: toggle == kind.get("toggle") for toggle in toggles},
        **kind.get("constants", {}),
    }
    groups = set()
    for group in kind["groups"]:
        seen = seen_how(kind, group)
        switch = True if seen["switch"] is None else value(seen["switch"], seen)
        if seen["switch"] is not None and seen["switch"] not in homes and switch is not NOT_THERE:
            fields[seen["switch"]] = switch
        if switch is True or (switch is not NOT_THERE and not isinstance(switch, bool)):
            groups.add(group)
    for group in groups:
        for name in rules["groups"][group]:
            rule = rule_of(rules, name)
            found = value(name, seen_how(kind, group))
            if found is not NOT_THERE and not rule.get("input"):
                found = [_item(rules, rule["items"], item) for item in found] if "items" in rule else found
                fields[name] = _whole(files.fields[name], found)
    return Resolved(fields, groups, asked)


def rule_of(rules: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The rule of a field, or of a member of its items (`list.member`); empty where there is none."""
    outer, _, member = name.partition(".")
    rule: dict[str, Any] = rules["fields"].get(outer) or {}
    return (rule.get("items", {}).get(member) or {}) if member else rule


def _is_unset(rule: Mapping[str, Any], value: Any) -> bool:
    trimmed = value.strip() if isinstance(value, str) else value
    return value is None or any(equal(trimmed, word) for word in rule.get("unset", []))


def _normal(rules: Mapping[str, Any], rule: Mapping[str, Any], raw: Any) -> Any:
    if _is_unset(rule, raw):
        return NOT_THERE
    has_steps = isinstance(raw, (str, bool, int, float)) and rule.keys() & {"replace", "lookup", "as"}
    found = stepped(rule, [raw], rules["lookups"]) if has_steps else raw
    return NOT_THERE if found is NOT_THERE or _is_unset(rule, found) else found


def _whole(schema: Mapping[str, Any], value: Any) -> Any:
    """Whole numbers as integers where the schema says so."""
    if isinstance(value, float) and schema.get("type") == "integer":
        return int(value)
    if isinstance(value, list) and "items" in schema:
        return [_whole(schema["items"], item) for item in value]
    if isinstance(value, dict) and "properties" in schema:
        return {key: _whole(schema["properties"].get(key, {}), item) for key, item in value.items()}
    return value


def _item(rules: Mapping[str, Any], members: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    words = {word: name for name, rule in members.items() for word in (name, *rule.get("aliases", []))}
    raw = {words.get(key, key): value for key, value in item.items()}
    found = {}
    for name in dict.fromkeys((*raw, *members)):
        rule = members.get(name, {})
        value = _normal(rules, rule, raw.get(name))
        if value is NOT_THERE and "otherwise" in rule:
            known = {key: one for key, one in raw.items() if one is not None}
            value = evaluate(rule["otherwise"], Scope(known, set(), rules["lookups"]))
        value = rule.get("default", NOT_THERE) if value is NOT_THERE else value
        if value is not NOT_THERE:
            found[name] = value
    return found


def seen_how(kind: Mapping[str, Any], group: str) -> dict[str, Any]:
    """How a stage type sees a group: `own`, `switch` and `defaults`."""
    word = kind["groups"][group]
    if isinstance(word, dict):
        return {"own": False, "switch": None, "defaults": True, **word}
    return {"own": word == "own", "defaults": word != "own", "switch": word if word not in ("own", "always") else None}


def _mentioned(form: Any) -> list[str]:
    if isinstance(form, str):
        return [form]
    if "from" in form:
        return form["from"] if isinstance(form["from"], list) else [form["from"]]
    parts = form["list"] if "list" in form else form["first"] if "first" in form else form["object"].values()
    return [name for part in parts for name in _mentioned(part)]
