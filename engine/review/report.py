"""A review as data: what changed between two sides, grouped by what caused it, the gravest first.

`review` compares; everything that tells of it (text, Markdown, JSON, HTML) reads a `Report` and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from engine.backends.catalog import Backend
from engine.cases import BuiltCase, Case
from engine.errors import Finding, Position
from engine.review.building import Built, Result
from engine.review.causes import Cause, Half, cause_of
from engine.review.contracts import ContractChange, contract_changes, nodes_schema
from engine.review.differences import differences
from engine.review.ownership import OwnershipChange, ownership_changes
from engine.tables.nodes import Nodes
from engine.values import ABSENT, Absent, Json, canonical

__all__ = ["Change", "Group", "Line", "Report", "Verdict", "review"]

#: How grave a review's outcome is. `boundary`: who owns a field, or what a contract allows, changed.
Verdict = Literal["same", "payloads", "boundary", "invalid"]

_MAX_LINE: Final = 400


@dataclass(frozen=True, slots=True)
class Change:
    """One place of one payload that changed. `old` or `new` is ABSENT where it is there on one side only."""

    backend: str
    case: str
    path: tuple[str, ...]
    old: Json | Absent
    new: Json | Absent

    @property
    def kind(self) -> Literal["added", "removed", "changed"]:
        """What happened to the place."""
        return "added" if self.old is ABSENT else "removed" if self.new is ABSENT else "changed"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file on one side, as it stands there."""

    at: Position
    text: str


@dataclass(frozen=True, slots=True)
class Group:
    """All changes that have one cause. `old` and `new` are the lines that caused them, where there are some."""

    cause: Cause
    old: Line | None
    new: Line | None
    changes: tuple[Change, ...]

    @property
    def payloads(self) -> list[tuple[str, str]]:
        """The back end and the case of every payload that changed, once each."""
        return list(dict.fromkeys((change.backend, change.case) for change in self.changes))

    @property
    def backends(self) -> list[str]:
        """The back ends whose payloads changed."""
        return list(dict.fromkeys(change.backend for change in self.changes))

    def alike(self) -> Iterator[tuple[Change, list[Change]]]:
        """Changes that say the same of different payloads, together: the first of them, and all."""
        found: dict[str, list[Change]] = {}
        for change in self.changes:
            key = f"{change.path} {_key(change.old)} {_key(change.new)}"
            found.setdefault(key, []).append(change)
        for changes in found.values():
            yield changes[0], changes


@dataclass(frozen=True, slots=True)
class Report:
    """What a review found.

    `compared`: how many payloads stand on both sides. `added`, `removed`: payloads that stand on one side only.
    `findings`: what is wrong with the new side's tables; `unread`: what was wrong with the old side's, so that they
    could not be compared.
    """

    base: str
    head: str
    ownership: tuple[OwnershipChange, ...]
    contracts: tuple[ContractChange, ...]
    groups: tuple[Group, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]
    compared: int
    findings: tuple[Finding, ...]
    unread: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """The gravest thing that was found."""
        if self.findings:
            return "invalid"
        if self.ownership or self.contracts:
            return "boundary"
        return "payloads" if self.groups or self.added or self.removed or self.unread else "same"


def review(old: Built, new: Built) -> Report:
    """Compare two sides."""
    rules = old.catalog.rules, new.catalog.rules
    changes: dict[Cause, list[Change]] = {}
    both = [key for key in new.results if key in old.results]
    for key in both:
        for cause, change in _changes(key, old, new):
            changes.setdefault(cause, []).append(change)
    files = _Lines(old), _Lines(new)
    groups = [_group(cause, tuple(found), *files) for cause, found in changes.items()]
    groups.sort(key=lambda group: -len(group.payloads))
    return Report(
        base=old.label,
        head=new.label,
        ownership=tuple(ownership_changes(rules, (old.backends, new.backends))),
        contracts=tuple(_contract_changes(old, new)),
        groups=tuple(groups),
        added=tuple(_only(new, old)),
        removed=tuple(_only(old, new)),
        compared=len(both),
        findings=new.findings,
        unread=old.findings,
    )


def _group(cause: Cause, changes: tuple[Change, ...], old: _Lines, new: _Lines) -> Group:
    """The group, with the lines of a cause that is one: a row, or a field's rule."""
    if cause.kind not in ("row", "row added", "row removed", "field"):
        return Group(cause, None, None, changes)
    return Group(cause, old.line(cause.was_at), new.line(cause.at), changes)


def _only(one: Built, other: Built) -> Iterator[str]:
    """The payloads of one side alone, less those of back ends that the other side could not load."""
    lost = {finding.backend for finding in other.findings}
    keys = sorted(one.results.keys() - other.results.keys())
    yield from (f"{backend}: {case}" for backend, case in keys if backend not in lost)


def _changes(key: tuple[str, str], old: Built, new: Built) -> Iterator[tuple[Cause, Change]]:
    backend, name = key
    before, after = old.results[key], new.results[key]
    cases = old.cases[name], new.cases[name]
    if not isinstance(before, BuiltCase) or not isinstance(after, BuiltCase):
        told = _told(before), _told(after)
        if told[0] != told[1]:
            yield _refusal(before, after, cases), Change(backend, name, (), *told)
        return
    edited = None if _says(cases[0]) == _says(cases[1]) else Cause("case", name, cases[1].at, cases[0].at)
    stages = tuple(side.backends[backend].stages[cases[1].stage_type] for side in (old, new))
    if len(before.bodies) != len(after.bodies):
        cause = Cause("calls", cases[1].stage_type, stages[1].description.at, stages[0].description.at)
        counts: list[Json] = [_calls(before), _calls(after)]
        yield edited or cause, Change(backend, name, (), *counts)
        return
    halves = Half(before, stages[0], old.catalog.rules), Half(after, stages[1], new.catalog.rules)
    seen: set[str] = set()
    for one, other in zip(before.bodies, after.bodies, strict=True):
        for difference in differences(one, other):
            text = f"{difference.path} {_key(difference.old)} {_key(difference.new)}"
            if text not in seen:  # the calls of one fan-out change alike
                seen.add(text)
                cause = cause_of(difference, *halves) if edited is None else edited
                yield cause, Change(backend, name, difference.path, difference.old, difference.new)


def _calls(payload: BuiltCase) -> Json:
    return f"{len(payload.bodies)} call{'' if len(payload.bodies) == 1 else 's'}"


def _told(result: Result) -> Json:
    return "builds" if isinstance(result, BuiltCase) else "\n".join(f"refused: {finding.message}" for finding in result)


def _refusal(old: Result, new: Result, cases: tuple[Case, Case]) -> Cause:
    places = [None if isinstance(side, BuiltCase) else side[0].at for side in (old, new)]
    if _says(cases[0]) != _says(cases[1]):
        return Cause("case", cases[1].name, cases[1].at, cases[0].at)
    return Cause("refusal", cases[1].stage_type, places[1], places[0])


def _says(case: Case) -> tuple[str, str, tuple[tuple[int, int], ...]]:
    return canonical(dict(case.base)), canonical(dict(case.own)), case.inputs


def _key(value: Json | Absent) -> str:
    return "absent" if value is ABSENT else canonical(value)


def _contract_changes(old: Built, new: Built) -> Iterator[ContractChange]:
    """The changes of every contract that stands on both sides, requests' first."""
    requests = [
        {f"request/{name}": c.schema for name, c in side.catalog.request_contracts.items()} for side in (old, new)
    ]
    payloads = [_contracts(side.backends) for side in (old, new)]
    for before, after in (requests, payloads):
        for name in (name for name in after if name in before):
            yield from contract_changes(name, before[name], after[name])


def _contracts(backends: Mapping[str, Backend]) -> dict[str, Mapping[str, Json]]:
    """What a body must meet, or the nodes of a graph, by its name."""
    found = (stage.contract for backend in backends.values() for stage in backend.stages.values())
    return {one.name: nodes_schema(one) if isinstance(one, Nodes) else one.schema for one in found}


class _Lines:
    """The lines of one side's files."""

    def __init__(self, side: Built) -> None:
        self._folders = side.catalog.folders
        self._read: dict[str, Sequence[str]] = {}

    def line(self, at: Position | None) -> Line | None:
        """The line at a place; None where there is no place, or no such line to read."""
        if at is None:
            return None
        if at.file not in self._read:
            self._read[at.file] = self._lines(at.file)
        lines = self._read[at.file]
        return Line(at, lines[at.line - 1].strip()[:_MAX_LINE]) if 0 < at.line <= len(lines) else None

    def _lines(self, name: str) -> Sequence[str]:
        for folder in self._folders:
            inside = name.removeprefix(f"{folder.shown}/") if folder.shown else name
            file = folder.path / inside
            if file.resolve().is_relative_to(folder.path.resolve()) and file.is_file():
                return file.read_text(encoding="utf-8").splitlines()
        return ()
