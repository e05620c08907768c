"""Expressions, conversions and conditions, each taken at its word."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from engine.testing.naive.reading import UnknownFormError

__all__ = ["NOT_THERE", "RefusedError", "Scope", "equal", "evaluate", "holds", "stepped"]

NOT_THERE: Any = type("NotThere", (), {"__repr__": lambda _: "NOT_THERE"})()


class RefusedError(ValueError):
    """The table refuses what is asked for."""


class Scope:
    """What a table sees: values by their names, the groups that are on, and the lookups."""

    def __init__(self, values: Mapping[str, Any], groups: set[str], lookups: Mapping[str, Any]) -> None:
        self.values, self.groups, self.lookups = values, groups, lookups

    def get(self, name: str) -> Any:
        """A value by its name, or NOT_THERE."""
        if name in self.values:
            return self.values[name]
        variable, _, member = name.partition(".")
        item = self.values.get(variable, NOT_THERE)
        return item.get(member, NOT_THERE) if member and isinstance(item, dict) else NOT_THERE

    def each(self, form: Any) -> list[Scope]:
        """One scope for each item of a list, the item bound to its variable."""
        ((variable, source),) = form.items() if isinstance(form, dict) else [("item", form)]
        items = self.get(source)
        found = [] if items is NOT_THERE else items
        return [Scope({**self.values, variable: item}, self.groups, self.lookups) for item in found]


def equal(a: Any, b: Any) -> bool:
    """As JSON tells values apart: 1 is 1.0, and true is not 1."""
    return bool(a == b and isinstance(a, bool) == isinstance(b, bool))


def evaluate(form: Any, scope: Scope) -> Any:
    """What an expression gives, or NOT_THERE."""
    if isinstance(form, str):
        return scope.get(form)
    if "when" in form and not holds(form["when"], scope):
        return NOT_THERE
    if "value" in form:
        return form["value"]
    if "first" in form:
        return next((v for option in form["first"] if (v := evaluate(option, scope)) is not NOT_THERE), NOT_THERE)
    if "each" in form:
        body = {"object": form["object"]} if "object" in form else form["do"]
        found = [evaluate(body, inner) for inner in scope.each(form["each"])]
        return [value for value in found if value is not NOT_THERE]
    if "object" in form:
        members = {key: evaluate(part, scope) for key, part in form["object"].items()}
        return {key: value for key, value in members.items() if value is not NOT_THERE}
    if "list" in form:
        return _list(form, scope)
    if "open" in form:
        value = scope.get(form["open"])
        reserved = {word.casefold() for word in form.get("reserved", [])}
        if value is not NOT_THERE and any(key.casefold() in reserved for key in value):
            raise RefusedError(f"{form['open']} holds a reserved key")
        return value
    if "from" in form:
        sources = form["from"] if isinstance(form["from"], list) else [form["from"]]
        values = [scope.get(source) for source in sources]
        return NOT_THERE if any(value is NOT_THERE for value in values) else stepped(form, values, scope.lookups)
    raise UnknownFormError(f"a row has the form {', '.join(form)}")


def _list(form: Mapping[str, Any], scope: Scope) -> Any:
    found: list[Any] = []
    for part in form["list"]:
        value = evaluate(part, scope)
        is_spliced = isinstance(part, dict) and "each" in part
        found += [] if value is NOT_THERE else value if is_spliced else [value]
    if "join" not in form:
        return found
    texts = [part if isinstance(part, str) else json.dumps(part) for part in found]
    return form["join"].join(text for text in texts if text)


def stepped(form: Mapping[str, Any], values: Sequence[Any], lookups: Mapping[str, Any]) -> Any:
    """The values sent through `replace` and `lookup`, and then through what `as` names, one after the other."""
    for word in ("replace", "lookup"):
        if word in form:
            table = form[word] if isinstance(form[word], dict) else lookups[form[word]]
            found = [new for old, new in table.items() if equal(old, values[0])]
            if not found and word == "lookup":
                raise RefusedError(f"the lookup has no {values[0]!r}")
            values = [found[0] if found else values[0]]
    steps = form.get("as", [])
    for step in steps if isinstance(steps, list) else [steps]:
        ((name, parameter),) = step.items() if isinstance(step, dict) else [(step, None)]
        table = lookups.get(parameter, {}) if isinstance(parameter, str) else {}
        values = [_converted(name, values, table, parameter)]
        if values[0] is NOT_THERE:
            return NOT_THERE
    return values[0]


def _converted(name: str, values: Sequence[Any], table: Mapping[str, Any], parameter: Any) -> Any:
    value = values[0]
    match name:
        case "strip_suffix" | "suffix_of":
            trimmed = value.rstrip()
            for key in sorted(table, key=len, reverse=True):
                head = trimmed[: -len(key)]
                is_apart = head.endswith(" ") or not key[0].isalnum()
                if trimmed[-len(key) :].casefold() == key.casefold() and is_apart and head.strip():
                    return head.rstrip() if name == "strip_suffix" else table[key]
            return value if name == "strip_suffix" else NOT_THERE
        case "strip_hash":
            head, _, tail = value.rstrip().rpartition(" [")
            is_hash = tail[-1:] == "]" and tail[:-1] != "" and set(tail[:-1].lower()) <= set("0123456789abcdef")
            return head.rstrip() if head.strip() and is_hash else value
        case "base_name":
            return value.replace("\\", "/").rstrip("/").split("/")[-1]
        case "strip_control":
            text = value.replace("\r\n", "\n").replace("\r", "\n")
            return "".join(c for c in text if c in "\t\n" or unicodedata.category(c) != "Cc")
        case "blank_if_prefix":
            return "" if value.strip().casefold().startswith(parameter.casefold()) else value
        case "join":
            return parameter.join(value)
        case "join_pair":
            return parameter.join(one if isinstance(one, str) else str(_plain(_exact(one))) for one in values)
        case "count":
            return len(value)
    return _calculated(name, values, parameter)


def _calculated(name: str, values: Sequence[Any], parameter: Any) -> Any:
    first, *more = [_exact(value) for value in values]
    match name:
        case "product":
            return _plain(first * more[0])
        case "ratio_of":
            return _plain(first / more[0])
        case "round_down":
            return _plain(math.floor(first / parameter) * Fraction(parameter))
        case "negate":
            return _plain(-first)
        case "steps_after":
            return _plain(max(Fraction(1), first - math.ceil(first * more[0])))
    raise UnknownFormError(f"a row has the conversion {name}")


def _exact(number: float) -> Fraction:
    return Fraction(Decimal(str(number)))


def _plain(number: Fraction) -> float:
    return int(number) if number == int(number) else float(number)


def holds(when: Mapping[str, Any], scope: Scope) -> bool:
    """Whether a condition holds."""
    if not isinstance(when, dict):
        raise UnknownFormError(f"a condition is {when!r}")
    return all(_one(word, test, scope) for word, test in when.items())


def _one(word: str, test: Any, scope: Scope) -> bool:
    match word, test:
        case "group", _:
            return bool(test in scope.groups)
        case "any", _:
            return any(holds(part, scope) for part in test)
        case "all", _:
            return all(holds(part, scope) for part in test)
        case "not", _:
            return not holds(test, scope)
    value = scope.get(word)
    match test:
        case "present" | "absent":
            return bool((value is not NOT_THERE) == (test == "present"))
        case {"equals": wanted}:
            return bool(value is not NOT_THERE and equal(value, wanted))
        case {"in": wanted}:
            return value is not NOT_THERE and any(equal(value, one) for one in wanted)
        case {"longer_than": count}:
            return value is not NOT_THERE and bool(len(value) > count)
    raise UnknownFormError(f"a condition tests {word!r} by {test!r}")
