"""What `check` does, without a word of it told: tables proven, generated files compared, plans checked.

This module brings together what the engine proves; it proves nothing itself, and prints nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from engine.backends.catalog import Catalog
from engine.cli.inputs import choose_backend, open_catalog, planned
from engine.cli.saving import write_whole
from engine.errors import Finding, PayloadError, PlanError
from engine.plan_files import load_plan
from engine.reference.generated import STALE, stale_files, stale_findings

__all__ = ["Examination", "examine", "sorted_out"]

_PLANS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found. `proven`: back end -> stage types, empty where anything of the tables is wrong.

    `plans`: the plans that were checked; `written`: the generated files that were written; `seconds`: how long it took.
    """

    findings: tuple[Finding, ...]
    proven: Mapping[str, Sequence[str]]
    plans: Sequence[Path]
    written: Sequence[str]
    seconds: float

    @property
    def wrong(self) -> bool:
        """Whether there is an error among the findings."""
        return _any_error(self.findings)

    def looked_at(self, finding: Finding) -> bool:
        """Whether something like this would have been found: what is made of wrong tables is not looked at."""
        if finding.code == STALE:
            return not any(one.severity == "error" and one.code != STALE for one in self.findings)
        about_a_plan = finding.at is not None and finding.at.file in {plan.as_posix() for plan in self.plans}
        return bool(self.proven) or not about_a_plan

    def to_json(self) -> dict[str, object]:
        """The findings and what was looked at, as JSON data."""
        return {
            "schema_version": 1,
            "findings": [finding.to_json() for finding in self.findings],
            "proven": {name: [*stages] for name, stages in self.proven.items()},
            "plans": [plan.as_posix() for plan in self.plans],
            "written": [*self.written],
        }


def sorted_out(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The folders of tables and the plan files among the paths. Raises typer.BadParameter for any other file."""
    folders = [path for path in paths if path.is_dir()]
    plans = [path for path in paths if not path.is_dir()]
    for plan in plans:
        if plan.suffix.lower() not in _PLANS:
            message = f"{plan} is neither a folder of tables nor a plan (.yaml, .yml, .json)."
            raise typer.BadParameter(message, param_hint="PATHS")
    return folders, plans


def examine(paths: Sequence[Path], backend: str | None, *, write: bool = False) -> Examination:
    """Look at the built-in tables, the folders and the plans. `write`: first write stale generated files anew."""
    began = time.monotonic()
    folders, plans = sorted_out(paths)
    catalog = open_catalog(folders, "PATHS")
    findings = catalog.findings()
    written: list[str] = []
    # Generated files are looked at only where what they are made from is right, and plans only with proven tables.
    if not _any_error(findings):
        written = _write(catalog) if write else []
        findings += stale_findings(catalog)
    proven: dict[str, list[str]] = {}
    if not _any_error(findings):
        proven = {name: sorted(catalog.backend(name).stages) for name in catalog.names()}
        findings += _plan_findings(plans, catalog, backend)
    return Examination(tuple(findings), proven, plans, written, time.monotonic() - began)


def _any_error(findings: Iterable[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _write(catalog: Catalog) -> list[str]:
    """Write the generated files anew that are not what they should be."""
    written = []
    for made in list(stale_files(catalog)):
        try:
            made.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(made.file, made.text.encode())
        except OSError as problem:
            message = f"{made.file} cannot be written: {problem.strerror}."
            raise typer.BadParameter(message, param_hint="--write") from problem
        written.append(made.name)
    return written


def _plan_findings(plans: Sequence[Path], catalog: Catalog, backend: str | None) -> list[Finding]:
    if not plans:
        return []
    chosen = catalog.backend(choose_backend(catalog, backend))
    findings: list[Finding] = []
    for plan in plans:
        try:
            findings += planned(load_plan(plan, catalog), catalog, chosen).warnings
        except (PlanError, PayloadError) as problem:
            findings += problem.findings
    return findings
