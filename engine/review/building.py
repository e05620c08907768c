"""Every case of a side, built for every back end that is to run it: payloads, or the text of a refusal.

A side is loaded as any folder is. A back end whose tables are not proven is left out and its findings are kept, so
that the others can still be reviewed. Pictures are stand-ins: only their sizes count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.backends.build import prepare
from engine.backends.catalog import Backend, Catalog
from engine.backends.folders import Folder
from engine.cases import Case, case_request, read_cases
from engine.errors import Finding, PayloadError, PlanError, TableError
from engine.review.sides import Side
from engine.tables.forms import Row
from engine.values import Json
from engine.wire import described

__all__ = ["Built", "Payload", "build_side"]


@dataclass(frozen=True, slots=True)
class Payload:
    """What one case became for one back end: the request, the body of each call, and the row behind each place."""

    request: Mapping[str, Json]
    bodies: tuple[Json, ...]
    rows: Mapping[str, Row] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Built:
    """One side, built. `results`: back end and case -> payload, or the findings of the refusal.

    `findings`: why back ends, or the whole side, could not be loaded.
    """

    label: str
    catalog: Catalog
    backends: Mapping[str, Backend]
    cases: Mapping[str, Case]
    results: Mapping[tuple[str, str], Payload | tuple[Finding, ...]]
    findings: tuple[Finding, ...]


def build_side(side: Side) -> Built:
    """Load and build a side. Raises TableError where its rules or a case file cannot be read at all."""
    catalog = _catalog(side)
    _ = catalog.rules
    findings: list[Finding] = []
    backends: dict[str, Backend] = {}
    own = [name for name in catalog.names() if (side.folder / "mappings" / name / "backend.yaml").is_file()]
    for name in own:
        try:
            backends[name] = catalog.backend(name)
        except TableError as problem:
            findings += (replace(finding, stage=None) for finding in problem.findings)
    cases = {case.name: case for case in read_cases(side.folder / "cases", "cases", catalog)}
    results = {
        (name, case.name): _built(case, backend, catalog)
        for name, backend in backends.items()
        for case in cases.values()
        if case.is_for(name)
    }
    return Built(side.label, catalog, backends, cases, results, tuple(dict.fromkeys(findings)))


def _catalog(side: Side) -> Catalog:
    """The side's folder. One that holds the rules of all stage types stands alone, any other goes over the built-in."""
    folder = Folder(side.folder, "")
    return Catalog(alone=folder) if (folder.schemas / "request").is_dir() else Catalog([folder])


def _built(case: Case, backend: Backend, catalog: Catalog) -> Payload | tuple[Finding, ...]:
    try:
        request = case_request(case, catalog)
        calls = prepare(backend, request)
    except (PlanError, PayloadError) as problem:
        return problem.findings
    rows: dict[str, Row] = {}
    for call in calls:
        rows |= call.rows
    shown = described(request.payload)
    assert isinstance(shown, dict)  # noqa: S101 - a mapping is described as one
    return Payload(shown, tuple(described(call.body) for call in calls), rows)
