"""How the server says no.

This module knows the shapes in which an AUTOMATIC1111 server refuses a request (recorded from 1.10.1): the
validation list, the `{error, detail, body, errors}` object, and the bare `{detail}` of its web framework. It
knows nothing about why something is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from engine.values import Json

__all__ = ["Refusal", "bare", "failed", "invalid", "refused", "violations"]


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """An answer other than success: an HTTP status and the JSON body that goes with it."""

    def __init__(self, status: int, body: dict[str, Json]) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.body = body


def bare(status: int, detail: str) -> Refusal:
    """The web framework's own refusal, as 404 `{"detail": "Not Found"}`."""
    return Refusal(status, {"detail": detail})


def refused(status: int, detail: str) -> Refusal:
    """What the server's code refuses on purpose, as 404 "Init image not found"."""
    return Refusal(status, {"error": "HTTPException", "detail": detail, "body": "", "errors": ""})


def failed(error: str, text: str) -> Refusal:
    """An exception inside the server: status 500, its class name and its text."""
    return Refusal(500, {"error": error, "detail": "", "body": "", "errors": text})


def invalid(problems: Iterable[tuple[Sequence[str | int], str, str]]) -> Refusal:
    """A body of the wrong form: status 422, one entry (place below the body, message, type) for each problem."""
    entries: list[Json] = [{"loc": ["body", *at], "msg": message, "type": kind} for at, message, kind in problems]
    return Refusal(422, {"detail": entries})


def violations(texts: Iterable[str]) -> Refusal:
    """A body that does not meet its contract: status 422, one entry for each text that the check gave."""
    return invalid(((), text, "value_error.contract") for text in texts)
