"""What each back end can do, as data: stage types, groups, fields that it lacks or has alone, and why.

Everything comes from the tables and descriptions. A command prints it, a page of documentation can be made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.backends.capabilities import Limits
from engine.backends.catalog import Backend, BackendStage, Catalog
from engine.values import Absent, Json, canonical

__all__ = ["BackendSummary", "Cannot", "StageSummary", "summary_of"]


@dataclass(frozen=True, slots=True)
class Cannot:
    """Something that is not possible, and why.

    `kind`: stage, group, field or value; `values`: of the field, where some of them alone are not possible; `stage`: in
    this stage type alone; None: in none.
    """

    kind: str
    name: str
    reason: str
    stage: str | None = None
    values: tuple[Json | Absent, ...] = ()

    @property
    def shown(self) -> str:
        """What it is, in words: `scheduler: simple, normal`."""
        values = (value if isinstance(value, str) else canonical(value) for value in self.values)
        return f"{self.name}: {', '.join(values)}" if self.values else self.name

    def to_json(self) -> dict[str, object]:
        """As JSON data."""
        data: dict[str, object] = {"kind": self.kind, "name": self.name, "reason": self.reason, "stage": self.stage}
        return {**data, "values": list(self.values)} if self.values else data


@dataclass(frozen=True, slots=True)
class StageSummary:
    """One stage type: the groups of fields that a request may hold, and how its pictures are sent."""

    name: str
    groups: tuple[str, ...]
    one_by_one: bool

    def to_json(self) -> dict[str, object]:
        """As JSON data."""
        return {"name": self.name, "groups": list(self.groups), "one_by_one": self.one_by_one}


@dataclass(frozen=True, slots=True)
class BackendSummary:
    """One back end. `missing`: stage types that it has no table for; `asks`: what it can tell of a live server."""

    name: str
    title: str
    stages: tuple[StageSummary, ...]
    missing: tuple[str, ...]
    cannot: tuple[Cannot, ...]
    asks: tuple[str, ...]
    notations: tuple[str, ...] | None
    preview: bool

    def to_json(self) -> dict[str, object]:
        """As JSON data."""
        return {
            "name": self.name,
            "title": self.title,
            "stages": [stage.to_json() for stage in self.stages],
            "missing": list(self.missing),
            "cannot": [one.to_json() for one in self.cannot],
            "asks": list(self.asks),
            "notations": None if self.notations is None else list(self.notations),
            "preview": self.preview,
        }


def summary_of(catalog: Catalog, name: str) -> BackendSummary:
    """What a back end can do. Raises TableError where it is not proven."""
    backend, rules = catalog.backend(name), catalog.rules
    everywhere = tuple(_cannot(backend.limits, None))
    own = [
        (s.stage.name, {k: v for k, v in s.limits.items() if k not in backend.limits}) for s in backend.stages.values()
    ]
    here = (one for stage, limits in own for one in _cannot(limits, stage))
    spoken = {one.name for one in everywhere if one.kind == "stage"}
    return BackendSummary(
        name,
        backend.title,
        tuple(_stage(stage) for stage in backend.stages.values()),
        tuple(kind for kind in rules.stages if kind not in backend.stages and kind not in spoken),
        (*everywhere, *here),
        tuple(sorted(set(_asks(backend)))),
        backend.notations,
        backend.preview is not None,
    )


def _stage(stage: BackendStage) -> StageSummary:
    return StageSummary(stage.stage.name, tuple(stage.stage.groups), stage.description.fan_out is not None)


def _cannot(limits: Limits, stage: str | None) -> Iterator[Cannot]:
    """Each limit; the values of a field that are not possible for one reason are one."""
    found: dict[tuple[str, str, str], list[Json | Absent]] = {}
    for subject, limit in limits.items():
        found.setdefault((subject.kind, subject.name, limit.reason), []).append(subject.value)
    for (kind, name, reason), values in found.items():
        yield Cannot(kind, name, reason, stage, tuple(values) if kind == "value" else ())


def _asks(backend: Backend) -> Iterator[str]:
    for question in backend.probe.questions.values():
        if question is not None:
            yield from (*question.lists, *question.facts, *(("nodes",) if question.nodes is not None else ()))
