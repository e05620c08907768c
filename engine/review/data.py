"""A report as JSON data, for programs. `schema_version` grows when a reader of an older one would be misled."""

from __future__ import annotations

from dataclasses import asdict

from engine.errors import Position
from engine.review.report import Change, Group, Line, Report
from engine.review.wording import headline, title
from engine.values import ABSENT

__all__ = ["report_json"]


def report_json(report: Report) -> dict[str, object]:
    """The report; the same report always gives the same data."""
    return {
        "schema_version": 1,
        "base": report.base,
        "head": report.head,
        "verdict": report.verdict,
        "headline": headline(report),
        "compared": report.compared,
        "ownership": [asdict(change) for change in report.ownership],
        "contracts": [{**asdict(change), "path": list(change.path)} for change in report.contracts],
        "causes": [_group(group) for group in report.groups],
        "added": list(report.added),
        "removed": list(report.removed),
        "findings": [finding.to_json() for finding in report.findings],
        "unread": [finding.to_json() for finding in report.unread],
    }


def _group(group: Group) -> dict[str, object]:
    return {
        "kind": group.cause.kind,
        "what": group.cause.what,
        "title": title(group),
        "at": _place(group.cause.at),
        "was_at": _place(group.cause.was_at),
        "old_line": _line(group.old),
        "new_line": _line(group.new),
        "changes": [_change(change) for change in group.changes],
    }


def _change(change: Change) -> dict[str, object]:
    """`old` and `new` are left out where the place is not there: null is a value."""
    sides = {"old": change.old, "new": change.new}
    return {
        "backend": change.backend,
        "case": change.case,
        "path": list(change.path),
        "kind": change.kind,
        **{name: value for name, value in sides.items() if value is not ABSENT},
    }


def _place(at: Position | None) -> dict[str, object] | None:
    return None if at is None else {"file": at.file, "line": at.line, "column": at.column}


def _line(line: Line | None) -> str | None:
    return None if line is None else line.text
