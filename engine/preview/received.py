"""What came in: a request's body read as strict JSON, and a bounded memory of the requests so far.

This module knows what JSON is accepted (no NaN, no key twice, no lone surrogates, no depth without end), and how
much of the past is kept. It knows nothing about sockets or endpoints, and not in which words a server refuses.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from engine.values import Json, non_json

__all__ = ["Memory", "NotJson", "Seen", "read_json"]

_KEPT_REQUESTS: Final = 256
_KEPT_BYTES: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class NotJson:
    """Why a body is no JSON data: it is not there, does not say that it is JSON, or is written wrongly.

    `at` is the place of the mistake in characters, `line` and `column` count from 1; `excerpt` is the body's start.
    """

    why: Literal["absent", "undeclared", "malformed"]
    message: str = ""
    at: int = 0
    line: int = 1
    column: int = 1
    excerpt: str = ""


class Seen(NamedTuple):
    """One request that the server has got. `body` is its JSON data, None where it had none that could be read."""

    method: str
    path: str
    body: Json

    def __repr__(self) -> str:
        # Bodies hold pictures: they are for tests to look into, not for logs.
        return f"<{self.method} {self.path}>"


class Memory:
    """The latest requests: at most 256, and at most 64 MiB of bodies. Safe between threads."""

    def __init__(self) -> None:
        self._seen: deque[tuple[Seen, int]] = deque()
        self._lock = threading.Lock()

    def add(self, seen: Seen, size: int) -> None:
        """Remember a request whose body had `size` bytes. The latest is kept whatever its size."""
        with self._lock:
            self._seen.append((seen, size))
            kept = sum(size for _, size in self._seen)
            while len(self._seen) > _KEPT_REQUESTS or (kept > _KEPT_BYTES and len(self._seen) > 1):
                kept -= self._seen.popleft()[1]

    def all(self) -> tuple[Seen, ...]:
        """The requests that are remembered, oldest first."""
        with self._lock:
            return tuple(seen for seen, _ in self._seen)


def read_json(raw: bytes, media: str | None) -> tuple[Json, NotJson | None]:
    """The JSON data of a body with this content type (None: it has none), or what is wrong with it."""
    if not raw:
        return None, NotJson("absent")
    kind = "" if media is None else media.partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        # Only as much as a refusal may quote.
        return None, NotJson("undeclared", excerpt=raw[:400].decode("utf-8", "replace"))
    try:
        body: Json = json.loads(raw, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return None, NotJson("malformed", error.msg, error.pos, error.lineno, error.colno, error.doc[:80])
    except RecursionError:
        return None, NotJson("malformed", "nested too deeply")
    except ValueError as error:
        # A key twice, NaN, bytes that are no text, and numbers with thousands of digits.
        return None, NotJson("malformed", str(error)[:200])
    if (problem := non_json(body)) is not None:
        return None, NotJson("malformed", problem[:200])
    return body, None


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice[:60]!r} stands there twice")
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")
