"""A report as Markdown, to be posted as a comment on a pull request.

The first line is a mark by which the comment is found again, so that it is updated and not repeated. Details are
folded, the whole is bounded, and text from files stands in code spans and blocks that it cannot leave.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from engine.markup import as_markdown
from engine.review.report import Group, Report
from engine.review.wording import contract_line, headline, old_and_new, place, title, where

__all__ = ["MARK", "markdown"]

#: By this line a comment of ours is known.
MARK: Final = "<!-- stage-engine review -->"

#: GitHub refuses comments of more than 65,536 characters.
_MAX_LENGTH: Final = 60_000
_ICON: Final = {"same": "✅", "payloads": "🔶", "boundary": "🛑", "invalid": "❌"}


def markdown(report: Report) -> str:
    """The comment. What does not fit is counted at its end."""
    text = f"{MARK}\n## {_ICON[report.verdict]} Payload review\n\n**{as_markdown(headline(report))}**\n"
    text += f"\n{_code(report.base)} → {_code(report.head)}\n"
    left = 0
    for block in _blocks(report):
        if left or len(text) + len(block) > _MAX_LENGTH:
            left += 1
        else:
            text += block
    return text if not left else f"{text}\n_{left} more parts do not fit here; `stage-engine review` shows all._\n"


def _blocks(report: Report) -> Iterator[str]:
    """The parts in order of weight, each whole in itself."""
    if report.ownership:
        lines = (f"- {_code(change.where)}: {as_markdown(change.what)}\n" for change in report.ownership)
        yield "\n### ⚠️ Ownership changed\n\n" + "".join(lines)
    if report.contracts:
        lines = (f"- **{change.direction}** {_code(contract_line(change))}\n" for change in report.contracts)
        yield "\n### ⚠️ Contracts changed\n\n" + "".join(lines)
    if report.findings:
        yield "\n### Findings\n\n" + _fenced("\n".join(str(finding) for finding in report.findings))
    for group in report.groups:
        yield _group(group)
    for label, names in (("New payloads", report.added), ("Payloads that are gone", report.removed)):
        if names:
            yield _folded(f"{label}: {len(names)}", "".join(f"- {_code(name)}\n" for name in names))
    if report.unread:
        yield _folded(
            "Not compared, since the old side could not be read whole",
            _fenced("\n".join(str(finding) for finding in report.unread)),
        )


def _group(group: Group) -> str:
    body = ""
    if (group.old and group.old.text) != (group.new and group.new.text):
        lines = [f"{sign} {line.text}" for sign, line in (("-", group.old), ("+", group.new)) if line is not None]
        body += _fenced("\n".join(lines), "diff") + "\n"
    body += "| place | old | new | where |\n| --- | --- | --- | --- |\n"
    for first, changes in group.alike():
        old, new = old_and_new(first)
        cells = (_code(place(first)), _code(old), _code(new), "<br>".join(as_markdown(case) for case in where(changes)))
        body += f"| {' | '.join(cells)} |\n"
    return _folded(title(group), body)


def _folded(head: str, body: str) -> str:
    return f"\n<details><summary>{as_markdown(head)}</summary>\n\n{body}\n</details>\n"


def _code(text: str) -> str:
    """Text in a code span. A span ends at a run of as many backticks as it began with; a table's cell at a bar."""
    line = " ".join(text.split()).replace("|", "\\|")
    ticks = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{ticks}{pad}{line}{pad}{ticks}" if line else "(empty)"


def _fenced(text: str, language: str = "") -> str:
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}\n"
