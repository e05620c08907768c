"""The standard streams, made so that nothing that happens to them can stop a command half way.

A reader that goes away, a disk that is full, a stream that was never open and a character that the locale lacks
are met here, once, for everything that writes, the help texts included. What is written is no business of this
module.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, Final, TextIO, cast

__all__ = ["guarded_streams", "is_reader_gone"]

#: What stands for characters of ours where the encoding lacks them; others are written as escapes.
_PLAIN: Final = {
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{MIDDLE DOT}": "-",
    "\N{BULLET}": "*",
    "\N{RIGHTWARDS ARROW}": "->",
    **dict.fromkeys("─━╌╍═╸╺", "-"),
    **dict.fromkeys("│┃║", "|"),
    **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
    **dict.fromkeys("\N{EN DASH}\N{EM DASH}", "-"),
}
_ERRORS: Final = "stage-engine-plain"


@contextlib.contextmanager
def guarded_streams() -> Iterator[None]:
    """Guard stdout and stderr for as long as this lasts.

    Where stdout was lost for a reason other than that its reader went away, the command ends with 1 (FAILED) instead
    of 0, and stderr says why: what was asked for has not arrived.
    """
    before = sys.stdout, sys.stderr
    data, notes = _Guarded(_opened(sys.stdout)), _Guarded(_opened(sys.stderr))
    sys.stdout, sys.stderr = cast(TextIO, data), cast(TextIO, notes)
    try:
        yield
    except SystemExit as ending:
        data.flush()
        notes.flush()
        if data.lost is None or is_reader_gone(data.lost):
            raise
        notes.write(f"stdout cannot be written: {data.lost.strerror}\n")
        notes.flush()
        raise SystemExit(1 if ending.code in (None, 0) else ending.code) from None
    finally:
        sys.stdout, sys.stderr = before


class _Guarded:
    """A stream that goes on without a target when its own fails. `lost`: what happened to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError as problem:
            self._lose(problem)
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError as problem:
            self._lose(problem)

    def _lose(self, problem: OSError) -> None:
        """Let what is left, and what waits in the buffer, go nowhere."""
        if self.lost is None:
            self.lost = problem
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, self._stream.fileno())
        finally:
            os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _opened(stream: TextIO | None) -> TextIO:
    """The stream, able to write every character; one that goes nowhere where there is none (`>&-`)."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - it lives as long as the process
    if isinstance(stream, io.TextIOWrapper):
        codecs.register_error(_ERRORS, _plain)
        stream.reconfigure(errors=_ERRORS)
    return stream


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c, c.encode("ascii", "backslashreplace").decode()) for c in text), error.end


def is_reader_gone(problem: OSError) -> bool:
    """Whether a stream failed because whoever read it has left, as `head` does: no failure of ours."""
    # Windows says EINVAL where others say EPIPE.
    return problem.errno == errno.EPIPE or (sys.platform == "win32" and problem.errno == errno.EINVAL)
