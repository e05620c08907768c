"""What a conversation without a socket asks of whoever drives it, and what it is told.

The driver owns sockets, threads and time (`engine.driver`, or a test with answers of its own). It runs a generator:
what the generator yields says what to do, what is sent into it says what came of it, and a BackendError is thrown
into it where a request failed.

- `HttpRequest`: send it and wait for the answer, an `HttpResponse`.
- `Start`: send it and do not wait. One at a time; its outcome is in the next `Tick` after it is there.
- `Wait`: let time pass, until it is over or something happens; a `Tick` says what.
- `Listen`: hear what a websocket says from now on, if that can be done here; the messages are in ticks.
- `Progress`: tell it to whoever wants to know.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

from engine.backends.steps import Timeouts
from engine.errors import BackendError
from engine.events import Progress
from engine.values import Json

__all__ = [
    "HttpRequest",
    "HttpResponse",
    "Incoming",
    "Listen",
    "Outgoing",
    "Start",
    "Talk",
    "Tick",
    "Wait",
    "send",
    "wait",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What to send: the method, the path's segments below the base URL, the body, and how long to wait.

    `url`: an address from an answer, in the place of path and query; it must lie below the base URL. `pace`: the
    least seconds since the last request of the same `kind`. `content_type` is None where there is no body.
    """

    method: str
    path: tuple[str, ...]
    body: bytes | None = field(repr=False)  # it holds pictures
    content_type: str | None
    timeouts: Timeouts
    query: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    accept: str = "application/json"
    url: str | None = None
    pace: float = 0.0
    kind: str = ""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back: the status, the whole body, its media type, and the seconds after which to come again."""

    status: int
    body: bytes = field(repr=False)  # it holds pictures
    media_type: str = ""
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Start:
    """Send a request in the background."""

    request: HttpRequest


@dataclass(frozen=True, slots=True)
class Listen:
    """Hear a websocket below the base URL, until the conversation ends."""

    request: HttpRequest


@dataclass(frozen=True, slots=True)
class Wait:
    """Let so many seconds pass; 0 only asks how things are.

    It is over sooner where the word to stop comes, a started request ends, or a message is heard.
    """

    seconds: float


@dataclass(frozen=True, slots=True)
class Tick:
    """How things are.

    `now`: a clock in seconds that only runs forward. `cancelled`: whether to stop; once true, it stays so.
    `outcome`: what became of the request that was started; it stays, too. `messages`: what the websocket said since
    the last tick. `alone`: whether this client has no other long request under way.
    """

    now: float
    cancelled: bool = False
    outcome: HttpResponse | BackendError | None = None
    messages: tuple[Json, ...] = ()
    alone: bool = True


Outgoing: TypeAlias = HttpRequest | Start | Listen | Wait | Progress
Incoming: TypeAlias = HttpResponse | Tick | None
Talk: TypeAlias = Generator[Outgoing, Incoming, T]


def send(request: HttpRequest) -> Talk[HttpResponse]:
    """Send a request and give its answer."""
    came = yield request
    assert isinstance(came, HttpResponse)  # noqa: S101 - the driver keeps to what is written above
    return came


def wait(seconds: float) -> Talk[Tick]:
    """Let time pass and give how things are."""
    came = yield Wait(seconds)
    assert isinstance(came, Tick)  # noqa: S101 - the driver keeps to what is written above
    return came
