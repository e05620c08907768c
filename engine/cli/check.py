"""`stage-engine check`: every table proven, every plan that is named checked, all findings told.

The findings are what this command is for, so they are data and go to stdout. This module brings together what the
engine proves; it proves nothing itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from engine.backends.catalog import Catalog
from engine.backends.generated import stale_files, stale_findings
from engine.cli.codes import ExitCode
from engine.cli.complaints import complain
from engine.cli.inputs import choose_backend, open_catalog, planned
from engine.cli.output import Output
from engine.cli.saving import write_whole
from engine.errors import Finding, PayloadError, PlanError, TableError
from engine.plan_files import load_plan

__all__ = ["CheckOptions", "check"]

_PLANS = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What the command line says. `paths`: folders of tables and plan files."""

    paths: Sequence[Path]
    backend: str | None
    write: bool
    as_json: bool


def check(options: CheckOptions, output: Output) -> ExitCode:
    """Prove and tell. Raises OSError where `write` cannot write."""
    began = time.monotonic()
    folders, plans = _sorted_out(options.paths)
    catalog = open_catalog(folders, "PATHS")
    findings = catalog.findings()
    # Generated files are looked at only where what they are made from is right.
    written = _write(catalog, output) if options.write and not _any_error(findings) else []
    findings += [] if _any_error(findings) else stale_findings(catalog)
    tables_are_wrong = _any_error(findings)
    if not tables_are_wrong:
        findings += _plan_findings(plans, catalog, options.backend)
    wrong = _any_error(findings)
    proven = {} if tables_are_wrong else {name: sorted(catalog.backend(name).stages) for name in catalog.names()}
    if options.as_json:
        output.json(
            {
                "schema_version": 1,
                "findings": [finding.to_json() for finding in findings],
                "proven": proven,
                "plans": [plan.as_posix() for plan in plans],
                "written": written,
            }
        )
    else:
        complain(output.data, findings)
    if tables_are_wrong and plans:
        output.note("The plans were not checked: that needs tables that are proven.", "yellow")
    if not tables_are_wrong:
        output.note(_summary(proven, time.monotonic() - began), "green")
    if plans and not wrong:
        output.note(f"{_count(len(plans), 'plan')} in order", "green")
    return ExitCode.INVALID if wrong else ExitCode.OK


def _any_error(findings: Iterable[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _sorted_out(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """The folders of tables and the plan files among the paths."""
    folders = [path for path in paths if path.is_dir()]
    plans = [path for path in paths if not path.is_dir()]
    for plan in plans:
        if plan.suffix.lower() not in _PLANS:
            message = f"{plan} is neither a folder of tables nor a plan (.yaml, .yml, .json)."
            raise typer.BadParameter(message, param_hint="PATHS")
    return folders, plans


def _write(catalog: Catalog, output: Output) -> list[str]:
    """Write the generated files anew that are not what the rules give."""
    try:
        stale = list(stale_files(catalog))
    except TableError:
        # The rules themselves are wrong: the findings tell it, and nothing can be generated from them.
        return []
    for made in stale:
        try:
            made.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(made.file, made.text.encode())
        except OSError as problem:
            message = f"{made.file} cannot be written: {problem.strerror}."
            raise typer.BadParameter(message, param_hint="--write") from problem
        output.note(f"wrote {made.name}")
    return [made.name for made in stale]


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


def _summary(proven: Mapping[str, Sequence[str]], seconds: float) -> str:
    tables = _count(sum(len(stages) for stages in proven.values()), "table")
    return f"{tables} of {_count(len(proven), 'back end')} proven in {seconds:.1f} s"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
