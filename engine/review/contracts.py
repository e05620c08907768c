"""Which values a contract came to allow, or no longer allows.

Two schemas are compared keyword by keyword, in the closed set that contracts keep to (`engine.tables.contracts`).
A change widens a contract where something becomes legal that was not, narrows it where something legal is refused,
and does both where neither can be said. A description of nodes is compared as a schema of each of its classes. This
module knows JSON Schema and nothing about tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from engine.tables.contracts import ANNOTATIONS
from engine.tables.nodes import NodeClass, NodeInput, Nodes
from engine.values import Json, canonical, same

__all__ = ["ContractChange", "Direction", "contract_changes", "nodes_schema"]

Direction = Literal["widened", "narrowed", "changed"]


@dataclass(frozen=True, slots=True)
class ContractChange:
    """One change of what a contract allows. `path`: the property; `what`: the change in words."""

    contract: str
    path: tuple[str, ...]
    direction: Direction
    what: str


def nodes_schema(nodes: Nodes) -> dict[str, Json]:
    """A description of nodes as the schema of a node of each class: what its inputs may be, and which it must have."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: _class_schema(one) for name, one in nodes.classes.items()},
    }


def _class_schema(one: NodeClass) -> Json:
    inputs: dict[str, Json] = {name: _input_schema(item) for name, item in one.inputs.items()}
    required: list[Json] = [name for name, item in one.inputs.items() if item.required]
    outputs: dict[str, Json] = {f"output {name}": {"const": kind} for name, kind in one.outputs}
    return {"additionalProperties": False, "properties": {**inputs, **outputs}, "required": required}


def _input_schema(item: NodeInput) -> Json:
    schema: dict[str, Json] = {"x-kind": item.kind}
    limits = {"x-link": item.type, "minimum": item.low, "maximum": item.high}
    schema |= {word: value for word, value in limits.items() if value is not None}
    return schema if item.choices is None else {**schema, "enum": list(item.choices)}


#: Keywords by which a larger number allows more, and those by which it allows less.
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")


def contract_changes(
    name: str, old: Mapping[str, Json], new: Mapping[str, Json], path: tuple[str, ...] = ()
) -> Iterator[ContractChange]:
    """Yield every change between two schemas of a contract of this name."""

    def told(direction: Direction, what: str, *below: str) -> ContractChange:
        return ContractChange(name, (*path, *below), direction, what)

    yield from _limits(old, new, told)
    yield from _values(old, new, told)
    yield from _names(old, new, told)
    properties = [_mapping(side.get("properties")) for side in (old, new)]
    for key in dict.fromkeys((*properties[0], *properties[1])):
        before, after = (side.get(key) for side in properties)
        if before is None:
            yield told("widened" if _is_closed(old) else "narrowed", "is a property now", key)
        elif after is None:
            yield told("narrowed" if _is_closed(new) else "widened", "is no property any more", key)
        else:
            yield from _below(name, before, after, (*path, key))
    for word in ("items", "additionalProperties", "propertyNames"):
        yield from _below(name, old.get(word, True), new.get(word, True), (*path, f"<{word}>"))
    fixed = [_list(side.get("prefixItems")) for side in (old, new)]
    for index in range(max(map(len, fixed))):
        before, after = (side[index] if index < len(side) else True for side in fixed)
        yield from _below(name, before, after, (*path, str(index)))
    told_of = {*ANNOTATIONS, *_UPPER, *_LOWER, *_TOLD}
    for word in sorted((old.keys() | new.keys()) - told_of):
        if not same(old.get(word), new.get(word)):
            yield told("changed", f"{word} was {_shown(old.get(word))} and is {_shown(new.get(word))}")


_TOLD: Final = (
    "type",
    "enum",
    "const",
    "required",
    "dependentRequired",
    "properties",
    "items",
    "prefixItems",
    "additionalProperties",
    "propertyNames",
)

_Told = Callable[[Direction, str], ContractChange]


def _below(name: str, old: Json, new: Json, path: tuple[str, ...]) -> Iterator[ContractChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        yield from contract_changes(name, old, new, path)
    elif not same(old, new):
        # True allows all, false nothing, a schema something.
        rank = [1 if isinstance(side, dict) else 2 if side is True else 0 for side in (old, new)]
        yield ContractChange(
            name,
            path,
            "widened" if rank[1] > rank[0] else "narrowed",
            f"was {_side(old)} and is {_side(new)}",
        )


def _side(schema: Json) -> str:
    return {True: "open to anything", False: "closed"}.get(schema, "?") if isinstance(schema, bool) else "a schema"


def _limits(old: Mapping[str, Json], new: Mapping[str, Json], told: _Told) -> Iterator[ContractChange]:
    for word in (*_UPPER, *_LOWER):
        before, after = old.get(word), new.get(word)
        if same(before, after):
            continue
        if not isinstance(before, (int, float)):
            yield told("narrowed", f"{word} is {after} now, and was not there")
        elif not isinstance(after, (int, float)):
            yield told("widened", f"{word} is not there any more, and was {before}")
        else:
            up = after > before
            yield told("widened" if up == (word in _UPPER) else "narrowed", f"{word} was {before} and is {after}")


def _values(old: Mapping[str, Json], new: Mapping[str, Json], told: _Told) -> Iterator[ContractChange]:
    """Changes of `type`, `enum` and `const`, each taken as the list of what it lets through."""
    for word in ("type", "enum", "const"):
        before, after = (_allowed(word, side) for side in (old, new))
        if before is None and after is None:
            continue
        if before is None or after is None:
            yield told(
                "narrowed" if before is None else "widened",
                f"{word} {_shown(old.get(word, new.get(word)))}"
                f" is {'wanted now' if before is None else 'not wanted any more'}",
            )
            continue
        more = [text for text in after if text not in before]
        less = [text for text in before if text not in after]
        if more:
            yield told("widened", f"{word} allows {', '.join(more)} too")
        if less:
            yield told("narrowed", f"{word} does not allow {', '.join(less)} any more")


def _allowed(word: str, schema: Mapping[str, Json]) -> list[str] | None:
    if word not in schema:
        return None
    value = schema[word]
    return [canonical(item) for item in value] if isinstance(value, list) and word != "const" else [canonical(value)]


def _names(old: Mapping[str, Json], new: Mapping[str, Json], told: _Told) -> Iterator[ContractChange]:
    """Changes of `required` and `dependentRequired`."""
    before, after = set(map(str, _list(old.get("required")))), set(map(str, _list(new.get("required"))))
    for name in sorted(after - before):
        yield told("narrowed", f"{name} is required now")
    for name in sorted(before - after):
        yield told("widened", f"{name} is not required any more")
    needs = [_mapping(side.get("dependentRequired")) for side in (old, new)]
    for name in sorted(needs[0].keys() | needs[1].keys()):
        wanted = [set(map(str, _list(side.get(name)))) for side in needs]
        for other in sorted(wanted[1] - wanted[0]):
            yield told("narrowed", f"{name} wants {other} beside it now")
        for other in sorted(wanted[0] - wanted[1]):
            yield told("widened", f"{name} does not want {other} beside it any more")


def _is_closed(schema: Mapping[str, Json]) -> bool:
    return schema.get("additionalProperties") is False


def _mapping(node: Json) -> Mapping[str, Json]:
    return node if isinstance(node, dict) else {}


def _list(node: Json) -> list[Json]:
    return node if isinstance(node, list) else []


def _shown(value: Json) -> str:
    text = canonical(value)
    return text if len(text) <= 60 else text[:59] + "…"
