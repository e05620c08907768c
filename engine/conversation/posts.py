"""A payload whose answer is the result: sent, waited for, and meanwhile asked about and perhaps stopped.

A server whose way to stop is global is told only while our own job is what runs there: our request is under way, it
is the only one of this client, and the server says that something runs. What it then answers, half-made as it may
be, is thrown away; it may come a while later, and is waited for no longer than the back end's time for it.
"""

from __future__ import annotations

from engine.backends.places import holds
from engine.backends.steps import Cancel
from engine.conversation.session import LONGEST, Cancelled, Session
from engine.conversation.talk import HttpRequest, HttpResponse, Start, Talk
from engine.errors import BackendError, BackendTimeoutError
from engine.values import ABSENT

__all__ = ["post"]

#: The least seconds between two attempts to stop a job.
_INSIST = 0.25


def post(session: Session, request: HttpRequest) -> Talk[HttpResponse]:
    """Send, and give the answer. Raises Cancelled where the word to stop came before it."""
    progress = session.backend.steps.progress
    asks = session.watched and progress is not None and progress.request is not None
    yield Start(request)
    while True:
        tick = yield from session.wait(progress.every if asks and progress is not None else LONGEST)
        if isinstance(tick.outcome, BackendError):
            raise tick.outcome
        if tick.outcome is not None:
            return tick.outcome
        if tick.cancelled:
            yield from _stop(session)
            raise Cancelled
        answered = (yield from session.ask_progress()) if asks else ABSENT
        if answered is not ABSENT:
            yield from session.tell_progress(answered)


def _stop(session: Session) -> Talk[None]:
    """Tell the server to stop and give it time to end."""
    cancel, progress = session.backend.steps.cancel, session.backend.steps.progress
    if not session.may_stop_server() or cancel is None:
        return
    session.begin_to_stop()
    try:
        while session.tick.outcome is None:
            if (yield from _is_ours(session, cancel)):
                yield from session.send_cancel()
            yield from session.wait(max(_INSIST, 0.0 if progress is None else progress.every))
    except BackendTimeoutError:
        session.warn("cancel-unanswered", "the server had not stopped when we left; its answer is discarded")


def _is_ours(session: Session, cancel: Cancel) -> Talk[bool]:
    """Whether what would be stopped is our own job: it alone, or what runs on a server where we are alone."""
    if not cancel.whole_server:
        return True
    answered = yield from session.ask_progress()
    return session.tick.alone and answered is not ABSENT and holds(cancel.only_while, answered, session.names)
