"""A report as one HTML page: nothing is loaded from elsewhere, no script runs, everything from files is escaped.

It reads on a phone and on paper, light and dark as the reader's system is set, and long tables scroll in themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from engine.review.report import Change, Group, Report
from engine.review.wording import contract_line, counted, headline, old_and_new, place, title, where

__all__ = ["page"]

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2024; --dim: #5b6470; --line: #d9dee3; --soft: #f4f6f8;
  --old: #b4232c; --old-paper: #fdeeee; --new: #1a7437; --new-paper: #ebf8ef; --alarm: #8a3b00; --alarm-paper: #fff4e5;
  --fail-paper: #fdeeee; --good: #1a7437 }
@media (prefers-color-scheme: dark) { :root { --paper: #14171a; --ink: #e6e9ec; --dim: #9aa4af; --line: #31373d;
  --soft: #1d2125; --old: #ff9a9a; --old-paper: #35191b; --new: #7fdc9b; --new-paper: #14301d; --alarm: #ffc078;
  --alarm-paper: #33230f; --fail-paper: #35191b; --good: #7fdc9b } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 70rem; padding: 1rem clamp(.75rem, 3vw, 2rem) 3rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.35rem; line-height: 1.25; margin: .5rem 0 } h2 { font-size: 1.1rem; margin: 1.75rem 0 .5rem }
p { margin: .25rem 0 } .dim { color: var(--dim) } ul { margin: .25rem 0; padding-left: 1.25rem }
code, pre { font: .875em/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; overflow-wrap: anywhere }
pre { margin: .5rem 0; white-space: pre-wrap } pre span { display: block; padding: 0 .5rem }
.old { color: var(--old) } pre .old { background: var(--old-paper) }
.new { color: var(--new) } pre .new { background: var(--new-paper) }
.box { border: 1px solid var(--line); border-left-width: .35rem; border-radius: .4rem; padding: .5rem .9rem;
  margin: .75rem 0 } .box > h2 { margin-top: 0 }
.boundary { background: var(--alarm-paper); border-color: var(--alarm) }
.invalid { background: var(--fail-paper); border-color: var(--old) } .same { border-color: var(--good) }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0 }
details > div { padding: 0 .9rem .6rem }
summary { cursor: pointer; padding: .55rem .9rem; font-weight: 600; overflow-wrap: anywhere }
summary:hover { background: var(--soft) }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; font-size: .925rem }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-top: 1px solid var(--line) }
th { color: var(--dim); font-weight: 500; border-top: 0 } td:last-child { color: var(--dim) }
@media (max-width: 40rem) { thead { display: none } tr { display: block; border-top: 1px solid var(--line);
  padding: .4rem 0 } td { display: block; border: 0; padding: .1rem 0 } td::before { content: attr(data-is) ": ";
  color: var(--dim) } }
"""


def page(report: Report) -> str:
    """The whole page. The same report always gives the same text."""
    head = headline(report)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Payload review: {escape(head)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escape(head)}</h1>\n"
        f'<p class="dim"><code>{escape(report.base)}</code> → <code>{escape(report.head)}</code></p>\n'
        f"{''.join(_parts(report))}</main>\n</body>\n</html>\n"
    )


def _parts(report: Report) -> Iterator[str]:
    """The page's parts, the gravest first."""
    if report.findings:
        yield _box("invalid", "Findings", (f"<pre>{escape(str(finding))}</pre>" for finding in report.findings))
    if report.ownership:
        lines = (f"<code>{escape(change.where)}</code> {escape(change.what)}" for change in report.ownership)
        yield _box("boundary", "Ownership changed", (_listed(lines),))
    if report.contracts:
        lines = (f"<b>{change.direction}</b> {escape(contract_line(change))}" for change in report.contracts)
        yield _box("boundary", "Contracts changed", (_listed(lines),))
    if report.verdict == "same":
        yield '<p class="box same">Every payload is what it was.</p>\n'
    if report.groups:
        yield f"<h2>{escape(counted(len(report.groups), 'cause'))}</h2>\n"
        yield from (_group(group, first=index < 3) for index, group in enumerate(report.groups))
    for label, names in (("New payloads", report.added), ("Payloads that are gone", report.removed)):
        if names:
            yield _folded(f"{label}: {len(names)}", _listed(f"<code>{escape(name)}</code>" for name in names))
    if report.unread:
        body = "".join(f"<pre>{escape(str(finding))}</pre>" for finding in report.unread)
        yield _folded("Not compared, since the old side could not be read whole", body)


def _box(kind: str, label: str, parts: Iterable[str]) -> str:
    return f'<section class="box {kind}">\n<h2>{escape(label)}</h2>\n{"".join(parts)}</section>\n'


def _listed(items: Iterable[str]) -> str:
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>\n"


def _folded(head: str, body: str, *, is_open: bool = False) -> str:
    return f"<details{' open' if is_open else ''}><summary>{escape(head)}</summary><div>{body}</div></details>\n"


def _group(group: Group, *, first: bool) -> str:
    lines = ""
    if (group.old and group.old.text) != (group.new and group.new.text):
        sides = (("old", "-", group.old), ("new", "+", group.new))
        spans = (f'<span class="{k}">{sign} {escape(line.text)}</span>' for k, sign, line in sides if line is not None)
        lines = f"<pre>{''.join(spans)}</pre>"
    rows = "".join(_row(one, changes) for one, changes in group.alike())
    head = "<thead><tr><th>place</th><th>old</th><th>new</th><th>where</th></tr></thead>"
    table = f'<div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>'
    return _folded(title(group), lines + table, is_open=first)


def _row(first: Change, changes: Iterable[Change]) -> str:
    old, new = old_and_new(first)
    cells = (
        ("place", f"<code>{escape(place(first))}</code>"),
        ("old", f'<code class="old">{escape(old)}</code>'),
        ("new", f'<code class="new">{escape(new)}</code>'),
        ("where", "<br>".join(escape(case) for case in where(changes))),
    )
    return "<tr>" + "".join(f'<td data-is="{name}">{cell}</td>' for name, cell in cells) + "</tr>"
