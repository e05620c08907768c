"""A prompt that is written for another server: what the notations in it become, and what is lost.

A back end's description says which notations it reads (`notations`); of one that does not say, nothing is known and
nothing is said. LoRA tags become items of the field that the rules name, where the back end has that field and reads no
tags; any other notation that is not read is told in a warning. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from engine.backends.capabilities import Subject
from engine.backends.catalog import Backend
from engine.errors import Finding
from engine.notations import lora_tags, used, without_lora_tags
from engine.request import GenerateImagesRequest
from engine.rules.resolve import Origin
from engine.tables.concrete import Value
from engine.values import ABSENT

__all__ = ["translated"]


def translated(backend: Backend, request: GenerateImagesRequest) -> tuple[GenerateImagesRequest, tuple[Finding, ...]]:
    """The request in the back end's own notations, and a warning for everything that is lost."""
    if backend.notations is None or request.stage_type not in backend.stages:
        return request, ()
    fields, origins, warnings = _with_loras(backend, request)
    for place, text in _prompts(backend, fields):
        for notation, piece in used(text):
            if notation.name not in backend.notations:
                message = f"{place} holds {piece!r}, which this back end does not read: {notation.lost}"
                warnings.append(_warning(backend, request, place, message))
    return replace(request, fields=fields, origins=origins), tuple(warnings)


def _with_loras(
    backend: Backend, request: GenerateImagesRequest
) -> tuple[dict[str, Value], dict[str, Origin], list[Finding]]:
    """The fields with LoRA tags as items of their own field, where the tags would not be read; and who wrote them."""
    fields, origins, warnings = dict(request.fields), dict(request.origins), list[Finding]()
    stage = backend.stages[request.stage_type]
    for name, value in request.fields.items():
        target = backend.rules.rule(name).tags_to
        if target is None or not isinstance(value, str) or "lora_tags" in (backend.notations or ()):
            continue
        if Subject("field", target) in stage.limits or backend.rules.group_of(target) not in stage.stage.groups:
            continue
        tags = [tag for tag in lora_tags(value) if tag.weight is not None and tag.name]
        known = fields.get(target, ABSENT)
        most = backend.rules.schemas[target].get("maxItems")
        room = most - (len(known) if isinstance(known, list) else 0) if isinstance(most, int) else len(tags)
        tags = tags[: max(0, room)]  # the rest stays in the prompt, and is warned of like any other text
        if tags:
            items: list[Value] = [*known] if isinstance(known, list) else []
            for tag in tags:
                item: dict[str, Value] = {"name": tag.name, "weight": tag.weight}
                items.append(item)
            fields[target] = items
            origins.setdefault(target, Origin("derived", name, origins[name].at if name in origins else None))
            fields[name] = without_lora_tags(value, tags)
        for tag in tags:
            if tag.more:
                message = f"{name} holds {tag.text!r}: its first weight counts for all parts of the model here"
                warnings.append(_warning(backend, request, name, message))
    return fields, origins, warnings


def _prompts(backend: Backend, fields: dict[str, Value]) -> Iterator[tuple[str, str]]:
    """Every text in which notations are read, with its place."""
    for name, value in fields.items():
        rule = backend.rules.rule(name)
        if rule.notations and isinstance(value, str):
            yield name, value
        for index, item in enumerate(value if rule.items and isinstance(value, list) else []):
            for member, part in item.items() if isinstance(item, dict) else ():
                if member in rule.items and rule.items[member].notations and isinstance(part, str):
                    yield f"{name}.{index}.{member}", part


def _warning(backend: Backend, request: GenerateImagesRequest, place: str, message: str) -> Finding:
    field = place.partition(".")[0]
    origin = request.origins.get(field)
    return Finding(
        "prompt-notation",
        message,
        at=None if origin is None else origin.at,
        stage=request.stage_id,
        backend=backend.name,
        field=field,
        severity="warning",
    )
