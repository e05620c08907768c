"""A report as plain text for a terminal or a log: what a reviewer must see first stands first."""

from __future__ import annotations

from collections.abc import Iterator

from engine.review.report import Group, Report
from engine.review.wording import contract_line, headline, old_and_new, place, title, where

__all__ = ["text_lines"]

_MAX_CASES = 6


def text_lines(report: Report) -> Iterator[tuple[str, str]]:
    """Yield each line with what it is: `head`, `alarm`, `title`, `old`, `new`, `plain` or `dim`."""
    yield "head", f"{report.base} -> {report.head}: {headline(report)}"
    for finding in report.findings:
        yield "alarm", str(finding)
    if report.ownership:
        yield "plain", ""
        yield "alarm", "OWNERSHIP CHANGED"
        for owner in report.ownership:
            yield "alarm", f"  {owner.where}: {owner.what}"
    if report.contracts:
        yield "plain", ""
        yield "alarm", "CONTRACTS CHANGED"
        for contract in report.contracts:
            yield "alarm", f"  {contract.direction:<8} {contract_line(contract)}"
    for group in report.groups:
        yield "plain", ""
        yield from _group(group)
    for label, names in (("new payloads", report.added), ("payloads that are gone", report.removed)):
        if names:
            yield "plain", ""
            yield "title", f"{label}: {len(names)}"
            yield from (("plain", f"  {name}") for name in names)
    if report.unread:
        yield "plain", ""
        yield "dim", f"{report.base} could not be read whole, so this is not compared:"
        yield from (("dim", f"  {finding}") for finding in report.unread)


def _group(group: Group) -> Iterator[tuple[str, str]]:
    yield "title", title(group)
    if group.old is not None and (group.new is None or group.old.text != group.new.text):
        yield "old", f"  - {group.old.text}"
    if group.new is not None and (group.old is None or group.old.text != group.new.text):
        yield "new", f"  + {group.new.text}"
    for first, changes in group.alike():
        old, new = old_and_new(first)
        yield "plain", f"  {place(first)}: {old} -> {new}"
        cases = where(changes)
        yield from (("dim", f"      {case}") for case in cases[:_MAX_CASES])
        if len(cases) > _MAX_CASES:
            yield "dim", f"      and {len(cases) - _MAX_CASES} more"
