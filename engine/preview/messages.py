"""What the server and the protocols hand each other: a request, a reply, and the wish to hang up.

This module knows HTTP's words as data, and what a protocol must be able to do to be served. It knows nothing about
sockets, and nothing about what any protocol says.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from engine.preview.faults import Faults
from engine.preview.received import NotJson
from engine.preview.websocket import Channel
from engine.tables.nodes import Nodes
from engine.values import Json

__all__ = ["Answered", "Check", "HangUp", "Reply", "Request", "Settings", "Speaker", "as_json", "as_text"]

#: A contract checker: the name of a contract and a body give the texts of all problems.
Check = Callable[[str, object], Sequence[str]]

_JSON: Final = "application/json"


class HangUp(Exception):  # noqa: N818 - a wish, not a fault of the program
    """The connection is to be cut without an answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `headers` have lower-case names; `body` is its JSON data, and `problem` why it has none."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    body: Json = None
    problem: NotJson | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. `media` is its content type, None where there is no body to have one."""

    status: int
    data: bytes = b""
    media: str | None = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of a request. `status` is None where the connection was cut; `seconds` is what it took."""

    method: str
    path: str
    status: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class Settings:
    """What every protocol is started with.

    `check` holds bodies against contracts. `missing` are names of models that the server pretends not to have.
    `delay` is what a picture takes beside its drawing, in seconds. `auth` is a user name and a password. `faults`
    say which requests fail. `nodes` describes the nodes of servers that take graphs; None: the description that
    ships with the package.
    """

    check: Check
    missing: frozenset[str] = frozenset()
    delay: float = 0.0
    auth: tuple[str, str] | None = None
    faults: Faults = field(default_factory=Faults)
    nodes: Nodes | None = None


class Speaker(Protocol):
    """One protocol, as the server calls it: from many threads at once."""

    def answer(self, request: Request) -> Reply:
        """The answer to a request. Raises HangUp where there is to be none."""
        ...

    def refuse(self, status: int, detail: str) -> Reply:
        """What this protocol says to a request that could not be read (400, 411, 413) or that broke it (500)."""
        ...

    def talks(self, path: str) -> bool:
        """Whether a WebSocket may be opened at this path."""
        ...

    def converse(self, request: Request, channel: Channel) -> None:
        """Serve one WebSocket, until either side ends it."""
        ...

    def restart(self) -> None:
        """Lose what the real server loses when it is started anew: jobs, caches, options."""
        ...

    def close(self) -> None:
        """End what runs, so that nobody waits for a server that stops."""
        ...


def as_json(status: int, body: Json, headers: Mapping[str, str] | None = None, media: str = _JSON) -> Reply:
    """An answer that is JSON."""
    data = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Reply(status, data, media, {} if headers is None else headers)


def as_text(status: int, text: str) -> Reply:
    """An answer that is plain text."""
    return Reply(status, text.encode("utf-8"), "text/plain; charset=utf-8")
