"""Every case of a side, built for every back end that is to run it: payloads, or the text of a refusal.

A side is loaded as any folder is. A back end whose tables are not proven is left out and its findings are kept, so
that the others can still be reviewed. Pictures are stand-ins: only their sizes count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from engine.backends.catalog import Backend, Catalog
from engine.backends.one_folder import folder_catalog, own_backends
from engine.cases import BuiltCase, Case, build_case, read_cases
from engine.errors import Finding, PayloadError, PlanError, TableError
from engine.review.sides import Side

__all__ = ["Built", "Result", "build_side"]

#: What a case became for a back end: built, or why it was refused.
Result: TypeAlias = BuiltCase | tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Built:
    """One side, built. `results`: back end and case -> payload, or the findings of the refusal.

    `findings`: why back ends, or the whole side, could not be loaded.
    """

    label: str
    catalog: Catalog
    backends: Mapping[str, Backend]
    cases: Mapping[str, Case]
    results: Mapping[tuple[str, str], Result]
    findings: tuple[Finding, ...]


def build_side(side: Side) -> Built:
    """Load and build a side. Raises TableError where its rules or a case file cannot be read at all."""
    catalog = folder_catalog(side.folder)
    _ = catalog.rules
    findings: list[Finding] = []
    backends: dict[str, Backend] = {}
    for name in own_backends(catalog, side.folder):
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


def _built(case: Case, backend: Backend, catalog: Catalog) -> Result:
    try:
        return build_case(case, backend, catalog)
    except (PlanError, PayloadError) as problem:
        return problem.findings
