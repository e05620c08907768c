"""A report's parts in words, the same for the terminal, for Markdown and for HTML: plain text, without any markup."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Final

from engine.review.contracts import ContractChange
from engine.review.report import Change, Group, Report
from engine.tables.forms import target_text
from engine.values import ABSENT, Absent, Json

__all__ = ["contract_line", "counted", "headline", "old_and_new", "place", "shown", "summary", "title", "where"]

_MAX_VALUE: Final = 300


def headline(report: Report) -> str:
    """The outcome in one sentence."""
    match report.verdict:
        case "same":
            return f"Nothing changed in {counted(report.compared, 'payload')}."
        case "invalid":
            return f"The tables are not proven: {counted(len(report.findings), 'finding')}."
        case "boundary":
            parts = [
                counted(len(changes), what)
                for changes, what in ((report.ownership, "change of ownership"), (report.contracts, "contract change"))
                if changes
            ]
            return f"{' and '.join(parts)}; {summary(report)}"
        case "payloads":
            return summary(report)


def summary(report: Report) -> str:
    """How many payloads changed, of how many."""
    changed = {payload for group in report.groups for payload in group.payloads}
    backends = {backend for backend, _ in changed}
    text = f"{len(changed)} of {counted(report.compared, 'payload')} changed"
    return f"{text}, in {counted(len(backends), 'back end')}." if changed else f"{text}."


def title(group: Group) -> str:
    """What caused a group's changes, and how far they reach."""
    cause = group.cause
    at = cause.at if cause.at is not None else cause.was_at
    stands = f" ({at.file}:{at.line})" if at is not None else ""
    reach = f"in {counted(len(group.payloads), 'payload')} of {counted(len(group.backends), 'back end')}"
    row = f"row {at.file}:{at.line}" if at is not None else "a row"
    match cause.kind:
        case "row":
            return f"{row} changed {cause.what} {reach}"
        case "row added":
            return f"{row} is new and writes {cause.what} {reach}"
        case "row removed":
            return f"{row} is gone and wrote {cause.what} {reach}"
        case "lookup":
            return f"the lookup {cause.what}{stands} changed values {reach}"
        case "field":
            return f"the rules of the field {cause.what}{stands} changed values {reach}"
        case "condition":
            return f"conditions of the table {cause.what}{stands} changed what applies {reach}"
        case "case":
            return f"the case {cause.what} was edited: changes {reach}"
        case "calls":
            return f"the fan-out of {cause.what}{stands} changed the number of calls {reach}"
        case "refusal":
            return f"what is refused in {cause.what}{stands} changed {reach}"


def place(change: Change) -> str:
    """Where in a payload a change is."""
    return target_text(change.path) if change.path else "the whole payload"


def old_and_new(change: Change) -> tuple[str, str]:
    """The old and the new value as people see them."""
    if not change.path:  # of a whole payload, what became of it is told in words
        return str(change.old), str(change.new)
    return shown(change.old), shown(change.new)


def where(changes: Iterable[Change]) -> list[str]:
    """Which payloads changes are in: `case (back end, back end)`, a line a case."""
    cases: dict[str, list[str]] = {}
    for change in changes:
        cases.setdefault(change.case, []).append(change.backend)
    return [f"{case} ({', '.join(dict.fromkeys(backends))})" for case, backends in cases.items()]


def contract_line(change: ContractChange) -> str:
    """A change of a contract in one line."""
    inside = f", {target_text(change.path)}" if change.path else ""
    return f"{change.contract}{inside}: {change.what}"


def counted(number: int, what: str) -> str:
    """A number with its noun."""
    head, _, rest = what.partition(" of ")
    plural = f"{head}s of {rest}" if rest else f"{what}s"
    return f"{number} {what if number == 1 else plural}"


def shown(value: Json | Absent) -> str:
    """A value as people see it: JSON, cut where it is long."""
    if value is ABSENT:
        return "(absent)"
    text = value if isinstance(value, str) and "\n" in value else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"
