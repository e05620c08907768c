"""The steps that a conversation with a server is made of, as data: a fixed, small set.

`submit` sends a payload; where there is no `look`, its answer is the result. `look` asks who knows the job and in
which state it is; `fetch` gets pictures that an answer only names; `upload` sends pictures ahead; `progress` tells
how far a job is; `cancel` stops it. A step says where things are; what can go wrong with it is handled once, by
`engine.conversation.jobs`. This module holds the forms alone: it neither reads nor sends them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from engine.backends.answer_forms import ErrorForm
from engine.backends.places import Place, Test
from engine.errors import Position
from engine.tables.concrete import Value
from engine.values import Later

__all__ = [
    "STATES",
    "Accept",
    "Auth",
    "Cancel",
    "Fetch",
    "Form",
    "Look",
    "Part",
    "Progress",
    "RequestForm",
    "State",
    "StateOf",
    "Steps",
    "Submit",
    "Timeouts",
    "Upload",
    "UploadedAs",
    "Witness",
]

#: A segment of a path, a value of a query or a part of a form: text, what is known late, or a place in the item that
#: the request is about.
Part: TypeAlias = str | Later | Place

#: What may become of a job. The last three end it.
State = Literal["waiting", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait, in seconds.

    `connect`: for a connection; `read`: for the next byte of an answer; `lookup`: the same for a question that costs
    the server nothing; `job`: for a call as a whole; `cancel`: for a job to end that was told to stop.
    """

    connect: float = 10.0
    read: float = 600.0
    lookup: float = 30.0
    job: float = 3600.0
    cancel: float = 30.0


@dataclass(frozen=True, slots=True)
class Form:
    """A body of `multipart/form-data`. `parts`: its parts by name; None: each key of the payload is one."""

    parts: tuple[tuple[str, Part], ...] | None


@dataclass(frozen=True, slots=True)
class RequestForm:
    """One request: the segments of its path below the base URL, its query, its headers and its body.

    `body`: JSON with what is known late in it, a form, or None. `pace`: the least seconds between two requests of
    this form, whoever sends them through one client.
    """

    method: str
    path: tuple[Part, ...]
    at: Position
    query: tuple[tuple[str, Part], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    body: Value | Form = None
    has_body: bool = False
    pace: float = 0.0

    @property
    def shown(self) -> str:
        """The path as people read it, with names in the place of what is known late: `/history/{job_id}`."""
        return "".join(f"/{_shown(part)}" for part in self.path)


@dataclass(frozen=True, slots=True)
class Accept:
    """What counts as success.

    `status`: none named means any 2xx. `type`: what the media type begins with. `empty`: places at which nothing may
    stand, or null, or an empty text, list or mapping.
    """

    status: tuple[int, ...] = ()
    type: str = ""
    empty: tuple[Place, ...] = ()


@dataclass(frozen=True, slots=True)
class UploadedAs:
    """What stands in a payload for an uploaded picture: the texts at these places of the answer, joined.

    Empty ones are left out.
    """

    places: tuple[Place, ...]
    between: str


@dataclass(frozen=True, slots=True)
class Upload:
    """Sends a picture ahead of the payload that names it."""

    request: RequestForm
    accept: Accept
    value: UploadedAs


@dataclass(frozen=True, slots=True)
class Submit:
    """Sends the payload. `job`: where the answer names the job; None: the name that we gave it holds."""

    request: RequestForm
    accept: Accept = Accept()
    job: Place | None = None


@dataclass(frozen=True, slots=True)
class StateOf:
    """The state that a job is in where these tests hold. `errors`: where it says why it failed."""

    state: State
    tests: tuple[Test, ...]
    errors: ErrorForm | None


@dataclass(frozen=True, slots=True)
class Witness:
    """One question about a job.

    `entry`: where the answer speaks of the job; where nothing is there, it does not know the job. Without an `entry`,
    an answer that meets no state does not know it either.
    """

    request: RequestForm
    entry: Place | None
    states: tuple[StateOf, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """Asks for a job. The first witness that knows it decides. `every`: seconds between two looks."""

    every: float
    ask: tuple[Witness, ...]


@dataclass(frozen=True, slots=True)
class Fetch:
    """Gets a picture that an answer names: by a request about it, or by a URL (`url`: where in it that stands).

    `again`: the statuses that say that the picture is gone though the job was done: it is submitted once more.
    """

    request: RequestForm | None
    url: Place | None
    accept: Accept
    again: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cancel:
    """Stops a job.

    `whole_server`: the requests stop whatever runs there; they are sent only while our own job is what runs.
    `only_while`: tests of the answer to `progress` that say that something runs.
    """

    requests: tuple[RequestForm, ...]
    whole_server: bool
    only_while: tuple[Test, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: asked for (`request`), told through a websocket (`socket`), or part of what `look` finds.

    `when`: which answers speak of it; `ratio` from 0 to 1, or `step` of `steps`. `look_when`: which messages of
    the socket say that it is time to look.
    """

    every: float
    request: RequestForm | None
    socket: RequestForm | None
    when: tuple[Test, ...] = ()
    ratio: Place | None = None
    step: Place | None = None
    steps: Place | None = None
    look_when: tuple[Test, ...] = ()


@dataclass(frozen=True, slots=True)
class Auth:
    """The header that carries a token, what stands before the token, and the environment variable that holds it."""

    header: str
    before: str
    environment: str


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps that all stages of a back end share. None: it has no such step."""

    upload: Upload | None = None
    submit: Submit | None = None
    look: Look | None = None
    fetch: Fetch | None = None
    cancel: Cancel | None = None
    progress: Progress | None = None
    auth: Auth | None = None


def _shown(part: Part) -> str:
    return part if isinstance(part, str) else f"{{{part.name if isinstance(part, Later) else part.shown}}}"
