"""Where every value of a payload came from: the row that wrote it, the fields it was made of, and who gave them.

Pure, and beside the building: it walks the same table over values that know their sources. What is explained here
is what `prepare` builds; a test holds the one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.backends.build import scopes
from engine.backends.catalog import Backend
from engine.backends.unsupported import possible
from engine.editing.provenance import TracedAlgebra, TracedScope, TracedValue, leaves
from engine.request import GenerateImagesRequest
from engine.rules.resolve import Origin
from engine.tables.concrete import Value
from engine.tables.forms import Row, Target
from engine.tables.walk import Walker
from engine.values import ABSENT

__all__ = ["Explained", "Source", "explained"]


@dataclass(frozen=True, slots=True)
class Source:
    """A field that a value was made of.

    `name` is the field, or an entry of a list field's items (`units.0.model`); `origin`: who gave the field its
    value, None for what belongs to the picture at hand; `added`: what the call's place among several has added.
    """

    name: str
    origin: Origin | None
    added: int = 0


@dataclass(frozen=True, slots=True)
class Explained:
    """One value of a body: the steps that lead to it, itself, the row that wrote it, what it was made of.

    No sources: the row's own constant, or what is known only when the body is sent.
    """

    path: Target
    value: Value
    row: Row
    sources: tuple[Source, ...]


def explained(backend: Backend, request: GenerateImagesRequest) -> Iterator[tuple[Explained, ...]]:
    """Every value of every call's body, in the order of the table. For a request that `prepare` takes."""
    request = possible(backend, request).request
    stage = backend.stages.get(request.stage_type)
    if stage is None:
        return
    walker: Walker[TracedValue, TracedScope] = Walker(TracedAlgebra(), stage.lookups, stage.nodes)
    for scope in scopes(stage, request):
        values: list[Explained] = []
        appended: dict[Target, int] = {}
        for one in walker.walk(stage.table.flow, TracedScope(scope)):
            if one.value.value is ABSENT:
                continue
            target = one.row.target
            if target[-1] == "-":
                number = appended.get(target[:-1], 0)
                appended[target[:-1]] = number + 1
                target = (*target[:-1], str(number))
            for path, leaf in leaves(one.value, target):
                sources = tuple(_source(request, scope.fields.get(name, ABSENT), name) for name in leaf.sources)
                values.append(Explained(path, leaf.value, one.row, sources))
        yield tuple(values)


def _source(request: GenerateImagesRequest, value: Value, name: str) -> Source:
    # The whole name first: `input.width` is a field; of `units.0.model`, the field is `units`.
    owner = name if name in request.fields else name.split(".")[0]
    given = request.fields.get(name)
    added = value - given if isinstance(value, int) and isinstance(given, int) else 0
    return Source(name, request.origins.get(owner), added)
