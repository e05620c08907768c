"""Findings as a person reads them: place, code, sentence, the line itself, and the way out.

The texts are the findings' own. What is said of several stages in the same words is said once. This module knows
findings and the terminal, and decides neither what is wrong nor how the command ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from engine.cli.excerpts import excerpt
from engine.cli.output import on_terminal, visible
from engine.errors import Finding

__all__ = ["complain", "merged"]


def complain(console: Console, findings: Iterable[Finding]) -> None:
    """Write findings, in order, with excerpts of the files that they speak of."""
    found = merged(findings)
    for finding, stages in found:
        # A terminal folds between words; a pipe gets whole lines.
        console.print(_text(finding, stages, console.width), soft_wrap=not on_terminal(console))
    errors = sum(finding.severity == "error" for finding, _ in found)
    if errors > 1:
        console.print(Text(f"{errors} errors", style="bold"))


def merged(findings: Iterable[Finding]) -> list[tuple[Finding, tuple[str, ...]]]:
    """Each thing that is wrong, once, with the stages that it is wrong for.

    What has no place comes first; what has one comes file by file, in the order of the lines.
    """
    groups: dict[Finding, list[str]] = {}
    for finding in findings:
        stages = groups.setdefault(replace(finding, stage=None), [])
        if finding.stage is not None and finding.stage not in stages:
            stages.append(finding.stage)
    files = list(dict.fromkeys(finding.at.file for finding in groups if finding.at is not None))

    def place(finding: Finding) -> tuple[int, int, int]:
        return (-1, 0, 0) if finding.at is None else (files.index(finding.at.file), finding.at.line, finding.at.column)

    return [(finding, tuple(groups[finding])) for finding in sorted(groups, key=place)]


def _text(finding: Finding, stages: tuple[str, ...], width: int) -> Text:
    colour = "red" if finding.severity == "error" else "yellow"
    text = Text()
    if finding.at is not None:
        text.append(f"{visible(str(finding.at))}: ", style="bold")
    text.append(f"{finding.severity}[{finding.code}]", style=f"bold {colour}")
    text.append(f" {visible(finding.message)}")
    about = [f"back end {finding.backend}"] if finding.backend is not None else []
    if stages:
        about.append(f"stage{'s' if len(stages) > 1 else ''} {', '.join(stages)}")
    if about:
        text.append(f" ({visible(', '.join(about))})", style="dim")
    if finding.at is not None and (found := excerpt(finding.at, max(20, width - 9))) is not None:
        text.append(f"\n{found.number:>6} │ ", style="dim")
        text.append(found.line)
        text.append("\n       │ ", style="dim")
        text.append(" " * found.start + "^" * found.length, style=f"bold {colour}")
    if finding.origin is not None:
        text.append(f"\n    inherited by {visible(str(finding.origin))}", style="dim")
    if finding.hint is not None:
        text.append("\n    hint: ", style="bold cyan")
        text.append(visible(finding.hint))
    return text
