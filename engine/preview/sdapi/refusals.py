"""Why a server of the /sdapi/v1 family says no, as data.

This module knows the kinds of refusal that the family has: those of its web framework, those that its code raises on
purpose, exceptions that escape it, and bodies of the wrong form. How each server words them stands in `shapes`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from engine.preview.received import NotJson
from engine.values import Json

__all__ = [
    "Bound",
    "Kind",
    "Problem",
    "Refusal",
    "bare",
    "failed",
    "invalid",
    "invalid_body",
    "plain",
    "refused",
    "violations",
]

#: The types that a field of a request may have.
Kind = Literal["integer", "number", "boolean", "text", "list", "object", "any"]

#: The bounds that a number may have.
Bound = Literal["above", "at_least", "at_most"]

#: What is wrong with a value: its type (the one that was wanted), a bound, its absence, or a contract.
Wrong = Literal[Kind, Bound, "missing", "contract"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a body: the place below it, what, the value itself, and the bound that it breaks."""

    at: tuple[str, ...]
    wrong: Wrong
    value: Json = None
    limit: float = 0
    text: str = ""


class Refusal(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """An answer other than success.

    `kind`: what the web "framework" says by itself; what the server's code "refused" on purpose, with `text` as its
    reason; an exception of class `error` that "failed" inside it; an "invalid" body with its `problems`; or a "plain"
    answer that is nothing but its text.
    """

    def __init__(
        self,
        status: int,
        kind: Literal["framework", "refused", "failed", "invalid", "plain"],
        text: str = "",
        error: str = "HTTPException",
        problems: tuple[Problem, ...] = (),
        not_json: NotJson | None = None,
    ) -> None:
        super().__init__(f"HTTP {status}")
        self.status, self.kind, self.text, self.error = status, kind, text, error
        self.problems, self.not_json = problems, not_json


def bare(status: int, detail: str) -> Refusal:
    """The web framework's own refusal, as 404 "Not Found"."""
    return Refusal(status, "framework", detail)


def refused(status: int, detail: str) -> Refusal:
    """What the server's code refuses on purpose, as 404 "Init image not found"."""
    return Refusal(status, "refused", detail)


def failed(error: str, text: str) -> Refusal:
    """An exception inside the server: status 500, its class name and its text."""
    return Refusal(500, "failed", text, error)


def plain(status: int, text: str) -> Refusal:
    """A refusal that its author wrote by hand, as 400 {"error": "Init image is none"}."""
    return Refusal(status, "plain", text)


def invalid(problems: Iterable[Problem]) -> Refusal:
    """A body of the wrong form: status 422, one entry for each problem."""
    return Refusal(422, "invalid", problems=tuple(problems))


def invalid_body(not_json: NotJson) -> Refusal:
    """A body that is no JSON data: status 422."""
    return Refusal(422, "invalid", not_json=not_json)


def violations(texts: Iterable[str]) -> Refusal:
    """A body that does not meet its contract: status 422, one entry for each text that the check gave."""
    return invalid(Problem((), "contract", text=text) for text in texts)
