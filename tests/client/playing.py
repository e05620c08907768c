"""Runs a conversation by hand: a clock that jumps, answers that a test gives, and no socket or thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from engine.backends.conversation import HttpRequest, HttpResponse, Incoming, Listen, Start, Talk, Tick, Wait
from engine.errors import BackendError
from engine.events import Progress
from engine.results import GenerateResult
from engine.values import Json

__all__ = ["Played", "after", "answer", "play"]

#: What a server says to a request: an answer, a failure on the way, or either after some seconds.
Said: TypeAlias = "HttpResponse | BackendError"
MOST_STEPS = 100_000


@dataclass(frozen=True)
class after:  # noqa: N801 - it reads as a word
    """An answer that comes so many seconds later. Only what is sent in the background can be late."""

    seconds: float
    said: Said


def answer(data: object, status: int = 200, **more: object) -> HttpResponse:
    """An answer of JSON."""
    return HttpResponse(status, json.dumps(data).encode(), "application/json", **more)  # type: ignore[arg-type]


@dataclass
class Played:
    """What came of it. `sent`: every request, in order. `waited`: each wait. `now`: the clock at the end."""

    result: GenerateResult | None = None
    error: BackendError | None = None
    sent: list[HttpRequest] = field(default_factory=list)
    listened: list[HttpRequest] = field(default_factory=list)
    told: list[Progress] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)
    now: float = 0.0

    @property
    def made(self) -> GenerateResult:
        """The result; the error is raised where there is one."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result

    @property
    def kinds(self) -> list[str]:
        """What was sent, as people read it, without queries."""
        return [f"{one.method} /{'/'.join(one.path)}" for one in self.sent]


def play(
    talk: Talk[GenerateResult],
    server: Callable[[HttpRequest], Said | after] | Sequence[Said | after],
    *,
    cancel_at: float | None = None,
    messages: Sequence[tuple[float, Json]] = (),
    alone: bool = True,
) -> Played:
    """Run it to its end. `server` answers requests, or is a list of answers, the last one again and again.

    `cancel_at`: when the token says stop. `messages`: what a websocket says, and when.
    """
    played, incoming, failure = Played(), None, None
    queue = list(server) if not callable(server) else []
    unheard = sorted(messages, key=lambda one: one[0])
    due: tuple[float, Said] | None = None
    was_told = False

    def said_to(request: HttpRequest) -> Said | after:
        played.sent.append(request)
        if callable(server):
            return server(request)
        return queue.pop(0) if len(queue) > 1 else queue[0]

    for _ in range(MOST_STEPS):
        try:
            outgoing = talk.send(incoming) if failure is None else talk.throw(failure)
        except StopIteration as end:
            played.result = end.value
            return played
        except BackendError as problem:
            played.error = problem
            return played
        incoming, failure = None, None
        if isinstance(outgoing, HttpRequest):
            said = said_to(outgoing)
            assert not isinstance(said, after), "a request in the foreground is answered at once"
            if isinstance(said, BackendError):
                failure = said
            else:
                incoming = said
        elif isinstance(outgoing, Start):
            said = said_to(outgoing.request)
            due = (played.now + said.seconds, said.said) if isinstance(said, after) else (played.now, said)
        elif isinstance(outgoing, Listen):
            played.listened.append(outgoing.request)
        elif isinstance(outgoing, Progress):
            played.told.append(outgoing)
        else:
            assert isinstance(outgoing, Wait)
            assert 0 <= outgoing.seconds <= 3600
            played.waited.append(outgoing.seconds)
            moments = [played.now + outgoing.seconds]
            moments += [max(played.now, due[0])] if due is not None else []
            moments += [max(played.now, unheard[0][0])] if unheard and played.listened else []
            moments += [max(played.now, cancel_at)] if cancel_at is not None and not was_told else []
            played.now = min(moments)
            cancelled = cancel_at is not None and played.now >= cancel_at
            was_told = cancelled
            heard = []
            while unheard and played.listened and unheard[0][0] <= played.now:
                heard.append(unheard.pop(0)[1])
            outcome = None
            if due is not None and due[0] <= played.now:
                outcome = due[1]
            incoming: Incoming = Tick(played.now, cancelled, outcome, tuple(heard), alone)  # type: ignore[no-redef]
    raise AssertionError("the conversation does not end")
