"""What the calls of one request have in common: what is known, how long there is, what was told and warned of.

A session asks questions, sends what stops a job and passes on progress; `posts`, `jobs` and `pictures` say in which
order. Questions change nothing and may be repeated: a lost connection or a busy server is borne a few times. Every
wait ends: at the latest when the job's time is over. There is no socket, thread or clock here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from engine.backends.catalog import Backend, BackendStage
from engine.backends.places import find, holds, number_at, parsed
from engine.backends.steps import Accept, RequestForm, Timeouts
from engine.conversation.answers import decoded, message_in, refuse
from engine.conversation.outgoing import Late, outgoing
from engine.conversation.talk import HttpRequest, HttpResponse, Talk, Tick, send, wait
from engine.errors import AnswerError, BackendError, BackendTimeoutError, BackendUnreachableError, Finding, JobError
from engine.events import Progress
from engine.tables.concrete import Value
from engine.values import ABSENT, Absent, Json

__all__ = ["LONGEST", "PATIENCE", "Cancelled", "Session"]

#: How often in a row a question may fail before that counts, and the longest wait between two, in seconds.
PATIENCE, LONGEST = 5, 30.0
#: Statuses of a gateway whose server is away for the moment.
_AWAY = (502, 503, 504)
#: How long a question about progress may take, in seconds: what it tells is old after that.
_GLANCE = 5.0


class Cancelled(Exception):  # noqa: N818 - it is no error
    """The call was told to stop, and nothing of it is a result."""


@dataclass(slots=True)
class Session:
    """The calls of one request. `shared`: others use the server too, so what stops all of it is never sent.

    `watched`: whether anybody wants to know of progress. `calls`: how many there are; `call`: the one under way.
    `late`: what is known by now. `tick`: how things were last. `deadline`: when there is no more time, by its clock.
    `unanswered`: questions about progress in a row; `quiet_until`: when the next one may be asked.
    """

    backend: Backend
    stage: BackendStage
    stage_id: str
    new_id: Callable[[], str]
    shared: bool = False
    watched: bool = False
    calls: int = 1
    call: int = 0
    late: dict[str, Value] = field(default_factory=dict)
    uploaded: dict[str, str] = field(default_factory=dict)
    warnings: list[Finding] = field(default_factory=list)
    tick: Tick = field(default_factory=lambda: Tick(0.0))
    deadline: float | None = None
    stopping: bool = False
    listening: bool = False
    told: Progress | None = None
    unanswered: int = 0
    quiet_until: float = 0.0

    @property
    def timeouts(self) -> Timeouts:
        """How long the stage waits for what."""
        return self.stage.description.timeouts

    @property
    def names(self) -> dict[str, str]:
        """What is known late as text: what places and tests may refer to."""
        return {name: value for name, value in self.late.items() if isinstance(value, str)}

    # -- asking ---------------------------------------------------------------------------------------------

    def request(
        self,
        form: RequestForm,
        timeouts: Timeouts | None = None,
        *,
        late: Late | None = None,
        item: Json = None,
        accept: str = "application/json",
    ) -> HttpRequest:
        """The request that a form describes, with what is known now."""
        known = self.late if late is None else late
        patience = self.timeouts if timeouts is None else timeouts
        name = self.backend.name
        return outgoing(form, known, patience, item=item, accept=accept, backend=name, stage=self.stage_id)

    def wait(self, seconds: float) -> Talk[Tick]:
        """Let time pass. Raises BackendTimeoutError `job-timeout` when there is no more."""
        left = seconds if self.deadline is None else max(0.0, min(seconds, self.deadline - self.tick.now))
        self.tick = yield from wait(left)
        over = self.deadline is not None and self.tick.now >= self.deadline and self.tick.outcome is None
        if over and (self.stopping or not self.tick.cancelled):
            message = f"the job was not done after {self.timeouts.job:g} s; it may still be at work"
            if self.stopping:
                message = f"the job had not ended {self.timeouts.cancel:g} s after it was told to stop"
            raise BackendTimeoutError(message, code="job-timeout", backend=self.backend.name, stage=self.stage_id)
        return self.tick

    def question(self, form: RequestForm, every: float) -> Talk[HttpResponse]:
        """The answer to a question that costs the server nothing."""
        return (yield from self.asked(self.request(form, self._brief(self.timeouts.lookup)), every))

    def asked(self, request: HttpRequest, every: float) -> Talk[HttpResponse]:
        """The answer to a request that changes nothing: sent again where the server is away, or wants us to wait."""
        for attempt in range(PATIENCE - 1):
            pause = every * 2**attempt
            try:
                response = yield from send(request)
            except (BackendUnreachableError, BackendTimeoutError):
                pass  # asked again below, at last without a net
            else:
                if not (response.status == 429 or response.status in _AWAY):
                    return response
                pause = pause if response.retry_after is None else response.retry_after
            yield from self.wait(min(LONGEST, max(0.0, pause)))
        return (yield from send(request))

    def json(self, response: HttpResponse) -> Json:
        """The JSON of a successful answer. Raises AnswerError where it is none."""
        return decoded(response.body, backend=self.backend.name, stage=self.stage_id)

    def check(self, response: HttpResponse, accept: Accept) -> None:
        """Raise the typed error where an answer is not what counts as success."""
        if not (response.status in accept.status if accept.status else response.ok):
            raise self.refusal(response)
        if accept.type and response.media_type and not response.media_type.startswith(accept.type):
            message = f"the server said success and sent {response.media_type} where {accept.type} was expected"
            raise self.answer_error("answer-media-type", message)
        if accept.empty:
            data = self.json(response)
            if any(find(data, place, self.names) not in (ABSENT, None, "", [], {}) for place in accept.empty):
                said = message_in(self.backend.errors, data, self.names) or "it does not say what is wrong"
                raise self.answer_error("answer-refused", f"the server said success, and refused: {said}")

    def refusal(self, response: HttpResponse) -> BackendError:
        """The error for a status other than success."""
        form, status, body = self.backend.errors, response.status, response.body
        return refuse(form, status, body, backend=self.backend.name, stage=self.stage_id)

    def answer_error(self, code: str, message: str) -> AnswerError:
        """An error about an answer that cannot be used."""
        return AnswerError(message, code=code, backend=self.backend.name, stage=self.stage_id)

    def job_error(self, code: str, message: str) -> JobError:
        """An error about a job that the server took and did not finish."""
        return JobError(message, code=code, backend=self.backend.name, stage=self.stage_id)

    def warn(self, code: str, message: str) -> None:
        """Note what is no failure and should be known."""
        found = Finding(code, message, stage=self.stage_id, backend=self.backend.name, severity="warning")
        if found not in self.warnings:
            self.warnings.append(found)

    # -- stopping -------------------------------------------------------------------------------------------

    def may_stop_server(self) -> bool:
        """Whether the server can be told to stop; a warning where it cannot."""
        cancel = self.backend.steps.cancel
        if cancel is None:
            self.warn(
                "cancel-not-told", "this back end cannot be told to stop: it goes on, and its answer is discarded"
            )
        elif cancel.whole_server and self.shared:
            message = "the server was not told to stop: others use it, and it can only stop whatever runs there"
            self.warn("cancel-not-told", message)
        else:
            return True
        return False

    def begin_to_stop(self) -> None:
        """From now on there is as much time as a job may take to stop."""
        self.stopping, self.unanswered, self.quiet_until = True, 0, 0.0
        self.deadline = self.tick.now + self.timeouts.cancel

    def send_cancel(self) -> Talk[None]:
        """Send what stops a job. That it could not be told is no failure of the call: it is a warning."""
        cancel = self.backend.steps.cancel
        for form in () if cancel is None else cancel.requests:
            try:
                self.check((yield from send(self.request(form, self._brief(self.timeouts.lookup)))), Accept())
            except BackendError as problem:
                self.warn("cancel-refused", f"the server could not be told to stop: {problem.message}")

    # -- progress -------------------------------------------------------------------------------------------

    def ask_progress(self) -> Talk[Json | Absent]:
        """What the server answers about progress; ABSENT where it could not be asked. Never a reason to fail."""
        progress = self.backend.steps.progress
        if progress is None or progress.request is None or self.unanswered >= PATIENCE:
            return ABSENT
        if self.tick.now < self.quiet_until:
            return ABSENT
        self.unanswered += 1
        try:
            response = yield from send(self.request(progress.request, self._brief(_GLANCE)))
        except BackendError:
            return ABSENT
        if response.status == 429:
            pause = LONGEST if response.retry_after is None else response.retry_after
            self.quiet_until, self.unanswered = self.tick.now + min(LONGEST, pause), 0
        found = parsed(response.body) if response.ok else ABSENT
        if found is not ABSENT:
            self.unanswered = 0
        return found

    def tell_progress(self, data: Json) -> Talk[None]:
        """Pass on how far the job is, if this says so and it is news."""
        progress = self.backend.steps.progress
        if progress is None or not self.watched or not holds(progress.when, data, self.names):
            return
        step, steps = number_at(data, progress.step), number_at(data, progress.steps)
        ratio = number_at(data, progress.ratio)
        counted = step is not None and steps is not None and 0 <= step <= steps and 0 < steps < 1e6
        if ratio is None and counted:
            ratio = step / steps  # type: ignore[operator]
        if ratio is None:
            return
        told = Progress(
            ratio=min(1.0, max(0.0, ratio)),
            step=int(step) if counted else None,  # type: ignore[arg-type]
            steps=int(steps) if counted else None,  # type: ignore[arg-type]
            call=self.call,
            calls=self.calls,
        )
        if told != self.told:
            self.told = told
            yield told

    def _brief(self, seconds: float) -> Timeouts:
        return replace(self.timeouts, read=min(self.timeouts.read, seconds))
