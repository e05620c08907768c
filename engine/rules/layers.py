"""What one config says, field by field: words become fields, and nothing of it is passed over in silence.

This module knows spellings and what counts as a value at all. It knows nothing about stage types, about what goes
over what, or about what a field may be.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.errors import Finding, Position, did_you_mean
from engine.images import Image
from engine.rules.request import RequestRules
from engine.values import non_json, same

__all__ = ["Given", "Layer", "read_layer"]


@dataclass(frozen=True, slots=True)
class Layer:
    """One config: its name for messages, what it says, and where each key stands if it came from a file.

    `lenient`: it was read from a host's objects, which hold more than this engine knows: an unknown key is a warning.
    `shared`: keys that the host writes alike for stages of every type; what a type does not have is left out.
    """

    name: str
    values: Mapping[str, object]
    place: Callable[[str], Position | None] = field(default=lambda _: None)
    lenient: bool = False
    shared: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Given:
    """One field in one layer: the key as written and the value before normalisation. None is JSON's null.

    `shared`: the host writes it alike for stages of every type.
    """

    key: str
    raw: object
    at: Position | None
    shared: bool = False


def read_layer(rules: RequestRules, layer: Layer) -> tuple[dict[str, Given], list[Finding]]:
    """Every field that a layer gives, under its own name, and what is wrong with its keys and values.

    Words that the rules drop are left out, and so are toggles, which are the plan's.
    """
    spellings = rules.spellings()
    fields: dict[str, Given] = {}
    findings: list[Finding] = []

    def fault(code: str, message: str, name: str, hint: str | None = None) -> None:
        warned = layer.lenient and code == "config-unknown-key"
        severity: Literal["error", "warning"] = "warning" if warned else "error"
        findings.append(Finding(code, message, at=layer.place(key), hint=hint, field=name, severity=severity))

    for key, raw in layer.values.items():
        if key in rules.drops or key in rules.toggles:
            continue
        name = spellings.get(key)
        if name is None:
            hint = _near(key, (*spellings, *rules.drops))
            fault("config-unknown-key", f"{layer.name} has no field {key!r}", str(key), hint)
        elif isinstance(raw, Image) and "contentMediaType" not in rules.schemas[name]:
            fault("config-value", f"{key} is an image, and takes none", name)
        elif not isinstance(raw, Image) and (problem := non_json({key: raw})):
            fault("config-value", problem, name)
        elif name not in fields:
            fields[name] = Given(key, raw, layer.place(key), key in layer.shared)
        elif not same(raw, fields[name].raw):
            message = f"{layer.name} says {fields[name].key!r} and {key!r}, which are the same field, and they differ"
            fault("config-alias-conflict", message, name, f"keep {name!r}")
    return fields, findings


def _near(key: object, known: tuple[str, ...]) -> str | None:
    if not isinstance(key, str):
        return "keys are text"
    return "pictures are the plan's: write input_images there" if key == "input_images" else did_you_mean(key, known)
