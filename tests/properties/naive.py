"""Resolving and building once more, the plain way: the files read as plain YAML, each rule taken at its word.

Slow, without positions, proofs or messages, and knowing only the forms that the files use. It shares no code with
the interpreter, so that one of the two would have to make the other's mistake. Configs are taken to be valid.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FIELDS: dict[str, Any] = json.loads((ROOT / "schemas/fields.json").read_text(encoding="utf-8"))["$defs"]
NOT_THERE: Any = type("NotThere", (), {"__repr__": lambda self: "NOT_THERE"})()


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / "mappings" / name).read_text(encoding="utf-8"))


RULES = read("request.yaml")
BACKEND = read("a1111/backend.yaml")
SPELLINGS = {word: name for name in FIELDS for word in (name, *RULES["fields"].get(name, {}).get("aliases", []))}
TOGGLES = [stage["toggle"] for stage in RULES["stages"].values() if "toggle" in stage]


def equal(a: Any, b: Any) -> bool:
    return bool(a == b and isinstance(a, bool) == isinstance(b, bool))


# -- expressions ---------------------------------------------------------------------------------------------------


def evaluate(form: Any, env: Mapping[str, Any], tables: Mapping[str, Any], groups: set[str]) -> Any:
    if isinstance(form, str):
        return env.get(form, NOT_THERE)
    if "when" in form and not holds(form["when"], env, groups):
        return NOT_THERE
    if "value" in form:
        return form["value"]
    if "first" in form:
        options = [evaluate(option, env, tables, groups) for option in form["first"]]
        return next((value for value in options if value is not NOT_THERE), NOT_THERE)
    if "each" in form:
        ((variable, source),) = form["each"].items()
        body = {"object": form["object"]} if "object" in form else form["do"]
        return [
            evaluate(body, {**env, **{f"{variable}.{k}": v for k, v in item.items()}}, tables, groups)
            for item in env.get(source, [])
        ]
    if "object" in form:
        members = {key: evaluate(part, env, tables, groups) for key, part in form["object"].items()}
        return {key: value for key, value in members.items() if value is not NOT_THERE}
    if "list" in form:
        found: list[Any] = []
        for part in form["list"]:
            value = evaluate(part, env, tables, groups)
            spliced = isinstance(part, dict) and "each" in part
            found += [] if value is NOT_THERE else value if spliced else [value]
        return form["join"].join(str(part) for part in found if part != "") if "join" in form else found
    if "open" in form:
        return env.get(form["open"], NOT_THERE)
    sources = form["from"] if isinstance(form["from"], list) else [form["from"]]
    values = [env.get(source, NOT_THERE) for source in sources]
    return NOT_THERE if any(value is NOT_THERE for value in values) else stepped(form, values, tables)


def stepped(form: Mapping[str, Any], values: Sequence[Any], tables: Mapping[str, Any]) -> Any:
    """The values sent through `lookup`, `replace` or `as`, in the order in which they are written."""
    for word, argument in form.items():
        if word in ("lookup", "replace"):
            table = argument if isinstance(argument, dict) else tables[argument]
            found = [new for old, new in table.items() if equal(old, values[0])]
            assert found or word == "replace", (values, argument)
            values = [found[0] if found else values[0]]
        elif word == "as":
            for step in argument if isinstance(argument, list) else [argument]:
                ((name, parameter),) = step.items() if isinstance(step, dict) else [(step, None)]
                values = [
                    converted(
                        name, values, tables.get(parameter) if isinstance(parameter, str) else parameter, parameter
                    )
                ]
                if values[0] is NOT_THERE:
                    return NOT_THERE
    return values[0]


def converted(name: str, values: Sequence[Any], table: Any, parameter: Any) -> Any:
    text = values[0]
    match name:
        case "strip_suffix" | "suffix_of":
            trimmed = text.rstrip()
            for key in sorted(table, key=len, reverse=True):
                head = trimmed[: -len(key)]
                apart = head.endswith(" ") or key.startswith(".")
                if trimmed[-len(key) :].casefold() == key.casefold() and apart and head.strip():
                    return head.rstrip() if name == "strip_suffix" else table[key]
            return text if name == "strip_suffix" else NOT_THERE
        case "strip_hash":
            head, _, tail = text.rstrip().rpartition(" [")
            is_hash = tail[-1:] == "]" and tail[:-1] != "" and set(tail[:-1].lower()) <= set("0123456789abcdef")
            return head.rstrip() if head.strip() and is_hash else text
        case "base_name":
            return text.replace("\\", "/").rstrip("/").split("/")[-1]
        case "strip_control":
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            return "".join(c for c in text if c in "\t\n" or unicodedata.category(c) != "Cc")
        case "blank_if_prefix":
            return "" if text.strip().casefold().startswith(parameter) else text
        case "product":
            return plain(exact(values[0]) * exact(values[1]))
        case "ratio_of":
            return plain(exact(values[0]) / exact(values[1]))
        case "round_down":
            return math.floor(exact(values[0]) / parameter) * parameter
    raise AssertionError(name)


def exact(number: float) -> Fraction:
    return Fraction(Decimal(str(number)))


def plain(number: Fraction) -> float:
    return int(number) if number == int(number) else float(number)


def holds(when: Mapping[str, Any], env: Mapping[str, Any], groups: set[str]) -> bool:
    def one(word: str, test: Any) -> bool:
        match word, test:
            case "group", _:
                return test in groups
            case "any", _:
                return any(holds(part, env, groups) for part in test)
            case "all", _:
                return all(holds(part, env, groups) for part in test)
            case "not", _:
                return not holds(test, env, groups)
            case _, "present" | "absent":
                return (word in env) == (test == "present")
            case _:
                wanted = test["in"] if "in" in test else [test["equals"]]
                return word in env and any(equal(env[word], value) for value in wanted)

    return all(one(word, test) for word, test in when.items())


# -- resolving -----------------------------------------------------------------------------------------------------


def unset(rule: Mapping[str, Any], value: Any) -> bool:
    trimmed = value.strip() if isinstance(value, str) else value
    return value is None or any(equal(trimmed, word) for word in rule.get("unset", []))


def normal(rule: Mapping[str, Any], raw: Any) -> Any:
    if unset(rule, raw):
        return NOT_THERE
    value = stepped(rule, [raw], RULES["lookups"]) if isinstance(raw, str) else raw
    return NOT_THERE if unset(rule, value) else value


def whole(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, float) and schema.get("type") == "integer":
        return int(value)
    if isinstance(value, list) and "items" in schema:
        return [whole(schema["items"], item) for item in value]
    if isinstance(value, dict) and "properties" in schema:
        return {key: whole(schema["properties"].get(key, {}), item) for key, item in value.items()}
    return value


def item_of(rules: Mapping[str, Any], item: Mapping[str, Any]) -> dict[str, Any]:
    words = {word: name for name, rule in rules.items() for word in (name, *rule.get("aliases", []))}
    raw = {words[key]: value for key, value in item.items()}
    found = {}
    for name, rule in rules.items():
        value = normal(rule, raw.get(name))
        if value is NOT_THERE and "otherwise" in rule:
            value = evaluate(
                rule["otherwise"], {k: v for k, v in raw.items() if v is not None}, RULES["lookups"], set()
            )
        value = rule.get("default", NOT_THERE) if value is NOT_THERE else value
        if value is not NOT_THERE:
            found[name] = value
    return found


def seen_how(kind: Mapping[str, Any], group: str) -> dict[str, Any]:
    word = kind["groups"][group]
    if isinstance(word, dict):
        return {"own": False, "switch": None, "defaults": True, **word}
    return {"own": word == "own", "defaults": word != "own", "switch": word if word not in ("own", "always") else None}


def resolve(stage: str, base: Mapping[str, Any], own: Mapping[str, Any]) -> tuple[dict[str, Any], set[str]]:
    """The request's fields and the groups that are on."""
    kind = RULES["stages"][stage]
    layers = [{SPELLINGS[key]: value for key, value in layer.items() if key in SPELLINGS} for layer in (own, base)]
    homes = {name: group for group, names in RULES["groups"].items() for name in names}

    def value(name: str, seen: Mapping[str, Any]) -> Any:
        rule = RULES["fields"].get(name, {})
        for index, layer in enumerate(layers[:1] if seen["own"] else layers):
            found = normal(rule, layer.get(name))
            if found is NOT_THERE and "otherwise" in rule:
                found = derived(rule["otherwise"], index)
            if found is not NOT_THERE:
                return whole(FIELDS[name], found)
            if name in layer:
                break
        return rule.get("default", NOT_THERE) if seen["defaults"] else NOT_THERE

    def derived(form: Mapping[str, Any], index: int) -> Any:
        names = mentioned(form)
        first = names[0]
        raw = layers[index].get(first)
        if unset(RULES["fields"].get(first, {}), raw) or (index == 1 and first in layers[0]):
            return NOT_THERE
        env = {name: value(name, seen_how(kind, homes[name])) for name in names[1:]}
        return evaluate(
            form, {**{k: v for k, v in env.items() if v is not NOT_THERE}, first: raw}, RULES["lookups"], set()
        )

    fields: dict[str, Any] = {
        "stage_type": stage,
        **{t: t == kind.get("toggle") for t in TOGGLES},
        **kind.get("constants", {}),
    }
    groups = set()
    for group in kind["groups"]:
        seen = seen_how(kind, group)
        if seen["switch"] is None:
            groups.add(group)
            continue
        switch = value(seen["switch"], seen)
        if seen["switch"] not in homes:
            fields[seen["switch"]] = switch
        if switch is True or (switch is not NOT_THERE and not isinstance(switch, bool)):
            groups.add(group)
    for group in groups:
        for name in RULES["groups"][group]:
            rule = RULES["fields"].get(name, {})
            found = value(name, seen_how(kind, group))
            if found is not NOT_THERE and not rule.get("input"):
                fields[name] = [item_of(rule["items"], item) for item in found] if "items" in rule else found
                fields[name] = whole(FIELDS[name], fields[name])
    return fields, groups


def mentioned(form: Any) -> list[str]:
    if isinstance(form, str):
        return [form]
    if "from" in form:
        return form["from"] if isinstance(form["from"], list) else [form["from"]]
    parts = form["list"] if "list" in form else form["object"].values()
    return [name for part in parts for name in mentioned(part)]


# -- building ------------------------------------------------------------------------------------------------------


def build(stage: str, fields: Mapping[str, Any], groups: set[str], images: Sequence[Any]) -> list[dict[str, Any]]:
    """The body of every call."""
    how = BACKEND["stages"][stage]
    bodies = []
    for index, image in enumerate(images if "fan_out" in how else [None]):
        env = dict(fields)
        for name, when in how.get("fan_out", {}).get("add_index", {}).items():
            if holds(when, fields, groups) and env[name] >= 0:
                env[name] += index
        if image is not None:
            env |= {"input.image": image, "input.width": image.width, "input.height": image.height}
        bodies.append(body_of(read_table(f"a1111/{stage}"), env, groups))
    return bodies


_TABLES: dict[str, Any] = {}


def read_table(name: str) -> list[dict[str, Any]]:
    """The table and its parents, the root first."""
    if name not in _TABLES:
        table = read(f"{name}.yaml")
        _TABLES[name] = [*(read_table(f"a1111/{table['extends']}") if "extends" in table else []), table]
    found: list[dict[str, Any]] = _TABLES[name]
    return found


def body_of(chain: list[dict[str, Any]], env: Mapping[str, Any], groups: set[str]) -> dict[str, Any]:
    lookups = {name: table for part in chain for name, table in part.get("lookups", {}).items()}
    rows: dict[str, Any] = {}

    def take(section: Mapping[str, Any]) -> None:
        rows.update(section.get("rows", {}))
        rows.update(section.get("replace", {}))
        for group, more in section.get("groups", {}).items():
            if group in groups:
                rows.update(more)
        for part in section.get("flow", []):
            if holds(part.get("when", {}), env, groups):
                take(part)
            else:
                take(part.get("else", {}))

    for part in chain:
        take(part)
    body: dict[str, Any] = {}
    for target, form in rows.items():
        found = evaluate(form, env, lookups, groups)
        if found is not NOT_THERE:
            *steps, last = target.split("/")
            here = body
            for step in steps:
                here = here.setdefault(step, {})
            here[last] = found
    return body
