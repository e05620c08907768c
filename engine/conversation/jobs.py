"""A job: a payload that a server takes under a name, looked for until it ends.

- A submission is never repeated blindly. If its answer is lost and the name is ours, we look whether the job is there.
- The first witness that knows the job decides. A job that nobody knows, asked twice around, is lost; after we told
  it to stop, it was stopped.
- A websocket only hints when to look, and tells of progress: what looking finds is what counts.
- A failed job's pictures are no results, and neither is what comes after the word to stop.
"""

from __future__ import annotations

from engine.backends.places import find, holds, text_at
from engine.backends.steps import Accept, Look, State, StateOf, Submit
from engine.conversation.answers import message_in
from engine.conversation.outgoing import MAX_TEXT
from engine.conversation.session import Cancelled, Session
from engine.conversation.talk import HttpRequest, HttpResponse, Listen, Talk, Tick, send
from engine.errors import AnswerError, BackendError, BackendTimeoutError, BackendUnreachableError
from engine.values import ABSENT, Json

__all__ = ["job"]

#: Statuses that say of a job: unknown here.
_UNKNOWN = (404, 410)
_ENDED: tuple[State, ...] = ("done", "failed", "cancelled")


def job(session: Session, request: HttpRequest, submit: Submit, look: Look) -> Talk[Json]:
    """Submit, look until the job is done, and give what the server says of it. Raises Cancelled, or what went wrong."""
    progress = session.backend.steps.progress
    if progress is not None and progress.socket is not None and not session.listening:
        session.listening = True
        yield Listen(session.request(progress.socket))
    lost = yield from _submit(session, request, submit)
    return (yield from _until_done(session, look, lost))


def _submit(session: Session, request: HttpRequest, submit: Submit) -> Talk[BackendError | None]:
    """Send the payload and learn the job's name. Gives the error where the answer was lost and the name is ours."""
    try:
        response = yield from send(request)
    except (BackendUnreachableError, BackendTimeoutError) as problem:
        if submit.job is not None:
            raise  # nobody could tell which job it is
        return problem
    try:
        session.check(response, submit.accept)
    except AnswerError:
        yield from session.send_cancel()  # it was taken all the same
        raise
    if submit.job is not None:
        session.late["job_id"] = _name(session, response, submit)
    return None


def _name(session: Session, response: HttpResponse, submit: Submit) -> str:
    assert submit.job is not None  # noqa: S101 - the caller asked
    name = text_at(session.json(response), submit.job, session.names)
    if name is None or name.strip() in ("", ".", "..") or len(name) > MAX_TEXT:
        message = f"the server took the job and did not name it: at {submit.job.shown} stands no name"
        raise session.answer_error("answer-no-job", message)
    return name


def _until_done(session: Session, look: Look, lost: BackendError | None) -> Talk[Json]:
    """Look again and again. `lost`: what became of the submission's answer, where that is in doubt."""
    silent, pause = 0, 0.0 if lost is not None else look.every / 8
    while True:
        tick = yield from _until_next_look(session, pause)
        if tick.cancelled:
            yield from _stop(session, look)
            raise Cancelled
        pause = min(look.every, max(pause * 2, look.every / 8))
        try:
            found = yield from _state(session, look)
        except (BackendUnreachableError, BackendTimeoutError) as problem:
            raise problem if lost is None else lost from None
        if found is None:
            silent += 1
            if silent == 2:
                message = "the server knows nothing of the job any more; was it started anew?"
                raise session.job_error("job-lost", message) if lost is None else lost
            continue
        silent, lost = 0, None
        state, entry = found
        if state.state == "done":
            return entry
        if state.state == "failed":
            form = session.backend.errors if state.errors is None else state.errors
            said = message_in(form, entry, session.names) or "the server did not say why"
            raise session.job_error("job-failed", f"the job failed: {said}")
        if state.state == "cancelled":
            raise session.job_error("job-interrupted", "the job was stopped on the server, and not by us")
        yield from _tell(session, entry)


def _until_next_look(session: Session, pause: float) -> Talk[Tick]:
    """Wait, and pass on what a websocket tells meanwhile, until it is time to look or something hints at it."""
    due = session.tick.now + pause
    while True:
        tick = yield from session.wait(max(0.0, due - session.tick.now))
        hinted = yield from _heard(session, tick)
        if hinted or tick.cancelled or tick.now >= due or not tick.messages:
            return tick


def _heard(session: Session, tick: Tick) -> Talk[bool]:
    """Pass on what a websocket told of progress. Whether it hinted that it is time to look."""
    progress, hinted = session.backend.steps.progress, False
    for message in tick.messages if progress is not None else ():
        yield from session.tell_progress(message)
        if progress is not None and progress.look_when:
            hinted = hinted or holds(progress.look_when, message, session.names)
    return hinted


def _tell(session: Session, entry: Json) -> Talk[None]:
    """Pass on progress where looking tells it, or where it is asked for."""
    progress = session.backend.steps.progress
    if progress is None or progress.socket is not None:
        return
    answered = entry if progress.request is None else (yield from session.ask_progress())
    if answered is not ABSENT:
        yield from session.tell_progress(answered)


def _state(session: Session, look: Look) -> Talk[tuple[StateOf, Json] | None]:
    """The state of the job and what speaks of it, from the first that knows it; None where nobody does."""
    for witness in look.ask:
        response = yield from session.question(witness.request, look.every)
        if response.status in _UNKNOWN:
            continue
        session.check(response, Accept())
        data = session.json(response)
        entry = data if witness.entry is None else find(data, witness.entry, session.names)
        if entry is ABSENT:
            continue
        state = next((state for state in witness.states if holds(state.tests, entry, session.names)), None)
        if state is not None:
            return state, entry
        if witness.entry is not None:
            message = "the server knows the job, and says nothing of its state that is known here"
            raise session.answer_error("job-state-unknown", message)
    return None


def _stop(session: Session, look: Look) -> Talk[None]:
    """Tell the server to stop the job, and look until it has ended or nobody knows it."""
    cancel = session.backend.steps.cancel
    if not session.may_stop_server() or cancel is None:
        return
    session.begin_to_stop()
    silent, ours = 0, not cancel.whole_server
    try:
        while silent < 2:
            if ours:
                yield from session.send_cancel()
            found = yield from _state(session, look)
            if found is not None and found[0].state in _ENDED:
                return
            silent = 0 if found is not None else silent + 1
            ours = not cancel.whole_server or (found is not None and found[0].state == "running")
            yield from session.wait(look.every)
    except BackendError as problem:
        session.warn("cancel-unanswered", f"what became of the job is not known, it is discarded: {problem.message}")
