"""What can go wrong, as data first and as text last.

This module knows how a failure is described: a `Finding` says what is wrong, where, and how to mend it; an
exception carries one or many findings and says which *kind* of failure it is, so that a caller can tell a
plan that must be edited from a server that must be started. It knows nothing about tables, plans, HTTP or
images, and it never sees a secret or image data: whoever raises is responsible for what the text holds.

Every `code` has an entry in docs/errors.md; a test says so.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "AnswerError",
    "BackendError",
    "BackendRefusedError",
    "BackendTimeoutError",
    "BackendUnreachableError",
    "Finding",
    "HttpStatusError",
    "ImageError",
    "JobError",
    "PayloadError",
    "PlanError",
    "Position",
    "RunIncompleteError",
    "StageEngineError",
    "TableError",
    "VerificationError",
    "did_you_mean",
]


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in what a person wrote. Lines and columns count from 1; an option of a command line has neither (0)."""

    file: str
    line: int
    column: int

    @classmethod
    def of_option(cls, option: str) -> Position:
        """The place of what was typed and stands in no file: "--set steps"."""
        return cls(option, 0, 0)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def to_json(self) -> dict[str, object]:
        """`{file, line, column}`, or `{option}` for what stands in no file."""
        return {"file": self.file, "line": self.line, "column": self.column} if self.line else {"option": self.file}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong.

    `code` is stable and documented (docs/errors.md); `message` is one sentence for a person; `at` is where it
    stands; `hint` is the way out; `origin` names the table that inherited the row, if it was inherited;
    `stage`, `backend` and `field` say what it is about, where that is known.
    """

    code: str
    message: str
    at: Position | None = None
    hint: str | None = None
    origin: Position | None = None
    stage: str | None = None
    backend: str | None = None
    field: str | None = None
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        where = f"{self.at}: " if self.at else ""
        about = ", ".join(f"{k} {v}" for k, v in (("back end", self.backend), ("stage", self.stage)) if v)
        text = f"{where}{self.severity}[{self.code}] {self.message}"
        if about:
            text += f" ({about})"
        if self.origin:
            text += f"\n    inherited by {self.origin}"
        if self.hint:
            text += f"\n    hint: {self.hint}"
        return text

    def to_json(self) -> dict[str, object]:
        """The finding as JSON data: only what is known."""
        data: dict[str, object] = {"code": self.code, "severity": self.severity, "message": self.message}
        for name, place in (("at", self.at), ("origin", self.origin)):
            if place is not None:
                data[name] = place.to_json()
        for name in ("hint", "backend", "stage", "field"):
            if getattr(self, name) is not None:
                data[name] = getattr(self, name)
        return data


class StageEngineError(Exception):
    """The root of every error that this package raises on purpose.

    `code` is the stable name of the failure; `findings` holds every single thing that is wrong (at least one).
    """

    def __init__(self, message: str, *, code: str, findings: Iterable[Finding] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.findings: tuple[Finding, ...] = tuple(findings) or (Finding(code, message),)

    def to_json(self) -> dict[str, object]:
        """The error as JSON data: its type's name, code, message and all findings."""
        return {
            "type": type(self).__name__,
            "code": self.code,
            "message": self.message,
            "findings": [finding.to_json() for finding in self.findings],
        }


class _FindingsError(StageEngineError):
    """An error that is a list of findings; its text is all of them."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        found = tuple(findings)
        if not found:
            raise ValueError("an error needs at least one finding")
        super().__init__("\n".join(str(f) for f in found), code=found[0].code, findings=found)


class TableError(_FindingsError):
    """A table, a field declaration, a contract or a back end's description is wrong: nothing can be built."""


class PlanError(_FindingsError):
    """A plan or a config is wrong: nothing was sent."""


class PayloadError(_FindingsError):
    """A payload could not be built from a valid request, or does not meet its contract: nothing was sent."""


class VerificationError(_FindingsError):
    """A server did otherwise than it was asked, in a plan that is strict about it. What it made is in the result."""


class ImageError(StageEngineError):
    """Bytes that should be an image are not, or are one of a kind or size that is not accepted."""


class RunIncompleteError(StageEngineError):
    """A run ended without an error and yet without all that was asked for: cancelled, or fewer pictures."""


class BackendError(StageEngineError):
    """A call to a server failed. `stage` and `backend` name the call; no part of it is repeated by the engine."""

    def __init__(self, message: str, *, code: str, backend: str, stage: str) -> None:
        finding = Finding(code, message, backend=backend, stage=stage)
        super().__init__(f"{message} (back end {backend}, stage {stage})", code=code, findings=(finding,))
        self.backend = backend
        self.stage = stage


class BackendUnreachableError(BackendError):
    """No connection: wrong address, server not started, connection refused or cut off before an answer."""


class BackendRefusedError(BackendError):
    """What was asked for is refused by a host's own client, or by the server behind it: a model, a payload."""


class BackendTimeoutError(BackendError):
    """The server did not connect or answer in time. It may still be working on the request."""


class HttpStatusError(BackendError):
    """The server answered with a status other than success. `status` is that number."""

    def __init__(self, message: str, *, status: int, backend: str, stage: str, code: str = "http-status") -> None:
        super().__init__(message, code=code, backend=backend, stage=stage)
        self.status = status


class AnswerError(BackendError):
    """The server said success, but its answer cannot be used: not JSON, no images, or images that are none."""


class JobError(BackendError):
    """The server took a job and did not finish it: it failed, was stopped there, or is not known there any more."""


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A hint that names the closest known words, or None where nothing is close.

    Close also means: the same but for case, or one contains the other (`upscale` and `upscale_factor`).
    """
    words = sorted(set(known))
    folded = word.casefold()
    near = [w for w in words if w.casefold() == folded]
    near += [w for w in difflib.get_close_matches(word, words, n=3, cutoff=0.7) if w not in near]
    if not near and len(word) > 3:
        near = [w for w in words if folded in w.casefold() or (len(w) > 3 and w.casefold() in folded)]
    return f"did you mean {' or '.join(repr(w) for w in near[:3])}?" if near else None
