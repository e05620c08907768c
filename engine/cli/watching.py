"""`check --watch`: check again whenever a file changes, and tell only what that changed.

Files are asked for their times and sizes, which works on every disk; how often is bounded by what asking costs. A
finding is the same one when its line moves: its place is no part of what it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import typer

from engine.cli.codes import ExitCode
from engine.cli.complaints import complain
from engine.cli.examination import Examination
from engine.cli.output import Output, visible
from engine.errors import Finding

__all__ = ["changed", "snapshot", "watch"]

#: Every file that counts, with its time of change and its size.
Snapshot: TypeAlias = Mapping[Path, tuple[int, int]]

_SUFFIXES: Final = (".yaml", ".yml", ".json")
#: How long to rest between two looks, in seconds: at least this, and so long that looking takes a tenth of the time.
_REST: Final = 0.4
_MOST_REST: Final = 5.0


def snapshot(folders: Iterable[Path], files: Iterable[Path]) -> Snapshot:
    """The files as they are now: those named, and all tables and contracts below the folders."""
    found: dict[Path, tuple[int, int]] = {}
    below = (file for folder in folders for part in ("mappings", "schemas") for file in (folder / part).rglob("*"))
    for file in (*files, *below):
        try:
            if file.suffix.lower() in _SUFFIXES and file.is_file():
                state = file.stat()
                found[file] = (state.st_mtime_ns, state.st_size)
        except OSError:
            continue  # gone between being listed and being asked: it is missing then, which is a change too
    return found


def changed(before: Snapshot, after: Snapshot) -> list[Path]:
    """The files that came, went or changed."""
    return sorted(file for file in before.keys() | after.keys() if before.get(file) != after.get(file))


def watch(
    look: Callable[[], Snapshot], examine: Callable[[], Examination], output: Output, rest: float = _REST
) -> ExitCode:
    """Check now and after every change, until Ctrl-C. The exit code is that of the last check."""
    code = ExitCode.OK
    try:
        seen = look()
        known = _examined(examine, output, {})
        output.note("Watching. Ctrl-C ends it.", "dim")
        while True:
            code = ExitCode.INVALID if _errors(known.values()) else ExitCode.OK
            seen, files = _next_change(look, seen, rest)
            output.shown("")
            output.note(f"{time.strftime('%H:%M:%S')} {_listed(files)}", "bold")
            known = _examined(examine, output, known)
    except KeyboardInterrupt:
        output.note("Stopped watching.", "dim")
        return code


def _next_change(look: Callable[[], Snapshot], seen: Snapshot, rest: float) -> tuple[Snapshot, Sequence[Path]]:
    """Wait until files have changed and then been left alone for one rest: editors write in several steps."""
    before = latest = seen
    while True:
        began = time.monotonic()
        now = look()
        cost = time.monotonic() - began
        if now == latest and changed(before, now):
            return now, changed(before, now)
        latest = now
        time.sleep(min(max(rest, 9 * cost), _MOST_REST))


def _examined(
    examine: Callable[[], Examination], output: Output, known: Mapping[tuple[object, ...], Finding]
) -> dict[tuple[object, ...], Finding]:
    """Check, and tell what is new and what is mended."""
    try:
        done = examine()
    except typer.BadParameter as problem:  # a folder or plan that was named is gone: it may come back
        output.note(problem.format_message(), "yellow")
        return dict(known)
    found = {_identity(finding): finding for finding in done.findings}
    complain(output.data, [finding for key, finding in found.items() if key not in known])
    for key, finding in known.items():
        if key not in found and not done.looked_at(finding):
            found[key] = finding  # while the tables are wrong, nobody knows whether this still is
        elif key not in found:
            where = "" if finding.at is None else f" in {finding.at.file}"
            output.shown(f"mended{visible(where)}: [{finding.code}] {visible(finding.message)}")
    count = _errors(done.findings)
    told = f"{count} error{'' if count == 1 else 's'}" if count else "all is in order"
    output.note(f"{told}, checked in {done.seconds:.1f} s", "red" if count else "green")
    return found


def _identity(finding: Finding) -> tuple[object, ...]:
    file = None if finding.at is None else finding.at.file
    return (finding.code, finding.message, file, finding.backend, finding.stage, finding.field)


def _errors(findings: Iterable[Finding]) -> int:
    return sum(finding.severity == "error" for finding in findings)


def _listed(files: Sequence[Path]) -> str:
    names = ", ".join(file.name for file in files[:3])
    return f"{names}{f' and {len(files) - 3} more' if len(files) > 3 else ''} changed"
