"""What came in: a request's body read as strict JSON, and a bounded memory of the requests so far.

This module knows what JSON is accepted (no NaN, no key twice, no lone surrogates, no depth without end), in which
shape a server refuses the rest, and how much of the past is kept. It knows nothing about sockets or endpoints.
"""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from typing import Final, NamedTuple

from engine.preview.refusals import Refusal, invalid
from engine.values import Json, non_json

__all__ = ["Memory", "Seen", "read_json"]

_KEPT_REQUESTS: Final = 256
_KEPT_BYTES: Final = 64 * 1024 * 1024


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


def read_json(raw: bytes, *, declared: bool) -> tuple[Json, Refusal | None]:
    """The JSON data of a body, or what is wrong with it. `declared`: whether its content type says JSON."""
    if not raw:
        return None, invalid([((), "field required", "value_error.missing")])
    if not declared:
        return None, invalid([((), "value is not a valid dict", "type_error.dict")])
    try:
        body: Json = json.loads(raw, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        return None, _not_json(error.msg, error.doc, error.pos, error.lineno, error.colno)
    except RecursionError:
        return None, _not_json("nested too deeply", "", 0, 1, 1)
    except ValueError as error:
        # A key twice, NaN, bytes that are no text, and numbers with thousands of digits.
        return None, _not_json(str(error)[:200], "", 0, 1, 1)
    if (problem := non_json(body)) is not None:
        return None, _not_json(problem[:200], "", 0, 1, 1)
    return body, None


def _not_json(message: str, document: str, position: int, line: int, column: int) -> Refusal:
    # The real server echoes the whole body here, pictures included: this one echoes its beginning.
    context: Json = {"msg": message, "doc": document[:80], "pos": position, "lineno": line, "colno": column}
    entry: Json = {
        "loc": ["body", position],
        "msg": f"{message}: line {line} column {column} (char {position})",
        "type": "value_error.jsondecode",
        "ctx": context,
    }
    return Refusal(422, {"detail": [entry]})


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice[:60]!r} stands there twice")
    return found


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is no JSON value")
