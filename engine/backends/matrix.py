"""What each back end can do, as data: stage types, groups, fields that it lacks or has alone, and why.

Everything comes from the tables and descriptions. A command prints it, a page of documentation can be made of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.backends.capabilities import Limits
from engine.backends.catalog import Backend, BackendStage, Catalog

__all__ = ["BackendSummary", "Cannot", "StageSummary", "summary_of"]


@dataclass(frozen=True, slots=True)
class Cannot:
    """Something that is not possible, and why. `stage`: in this stage type alone; None: in none."""

    kind: str
    name: str
    reason: str
    stage: str | None = None

    def to_json(self) -> dict[str, object]:
        """As JSON data."""
        return {"kind": self.kind, "name": self.name, "reason": self.reason, "stage": self.stage}


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
    reasons = {(one.kind, one.name) for one in everywhere}
    here = (
        one
        for stage in backend.stages.values()
        for one in _cannot(stage.limits, stage.stage.name)
        if (one.kind, one.name) not in reasons
    )
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
    for subject, limit in limits.items():
        name = subject.name if subject.kind != "value" else f"{subject.name}: {subject.value}"
        yield Cannot(subject.kind, name, limit.reason, stage)


def _asks(backend: Backend) -> Iterator[str]:
    for question in backend.probe.questions.values():
        if question is not None:
            yield from (*question.lists, *question.facts, *(("nodes",) if question.nodes is not None else ()))
