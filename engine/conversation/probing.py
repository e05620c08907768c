"""Asking a server what it has: questions out, answers in, a description in the end. There is no socket here.

A server that lacks a question's address does not tell, and that is no fault; one that fails otherwise is noted, and
what it was asked stays unknown. A server that cannot be reached or wants credentials ends the whole. What comes back
is untrusted: names are texts of a bounded length and number, and everything else is passed over.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final

from engine.backends.catalog import Backend
from engine.backends.places import Place, find, parsed, text_at
from engine.backends.probe_forms import ListForm, NameForm, Question
from engine.backends.server import Entry, ServerDescription
from engine.backends.steps import Timeouts
from engine.conversation.answers import refuse
from engine.conversation.outgoing import outgoing
from engine.conversation.talk import HttpRequest, HttpResponse
from engine.errors import AnswerError, BackendError, BackendTimeoutError, Finding
from engine.tables.conversions import CONVERSIONS, ConversionError
from engine.tables.forms import Convert
from engine.values import ABSENT, Absent, Json

__all__ = ["probing"]

#: How many entries of a list are kept, and how long a name may be, in characters.
_MOST_ENTRIES: Final = 20_000
_LONGEST_NAME: Final = 1024

#: The server has no such address, or takes no such question: it does not tell.
_SILENT: Final = frozenset({404, 405, 410, 501})
_LOCKED: Final = frozenset({401, 403})

#: How long one question may take: for a connection, and for the next byte, in seconds.
_TIMEOUTS: Final = Timeouts(connect=5.0, read=20.0)


def probing(backend: Backend, url: str) -> Generator[HttpRequest, HttpResponse, ServerDescription]:
    """Ask everything that the back end's description asks. A request that failed is thrown in as a BackendError.

    Raises BackendUnreachableError where the server cannot be reached, HttpStatusError where it lets nobody in, and
    BackendTimeoutError where the first answer does not come.
    """
    found = _Found(backend, url)
    for name, question in backend.probe.questions.items():
        if question is not None:
            request = outgoing(question.request, {}, _TIMEOUTS, backend=backend.name, stage="probe")
            try:
                response = yield request
            except (BackendTimeoutError, AnswerError) as problem:
                if not found.answered and isinstance(problem, BackendTimeoutError):
                    raise
                found.fail(name, question, problem.message)
                continue
            found.take(name, question, response)
    return found.description()


class _Found:
    """What has been told so far."""

    def __init__(self, backend: Backend, url: str) -> None:
        self._backend, self._url = backend, url
        self.answered = False
        self._lists: dict[str, dict[str, Entry]] = {}
        self._unknown: set[str] = set()
        self._facts: dict[str, str] = {}
        self._account: Json | Absent = ABSENT
        self._unanswered: list[Finding] = []

    def take(self, name: str, question: Question, response: HttpResponse) -> None:
        """Read one answer."""
        self.answered = True
        if response.status in _LOCKED:
            raise self._refusal(response)
        if response.status in _SILENT:
            self._unknown |= question.lists.keys()
            return
        if not response.ok:
            self.fail(name, question, self._refusal(response).message)
            return
        data = parsed(response.body)
        if data is ABSENT:
            self.fail(name, question, "the answer is not JSON")
            return
        for kind, form in question.lists.items():
            entries = _entries(data, form)
            if entries is None:
                if question.nodes is None:
                    self.fail(name, question, f"the answer holds no list of {kind}")
                self._unknown.add(kind)  # of a node that is not installed there is no account, and no list
                continue
            known = self._lists.setdefault(kind, {})
            for entry in entries:
                if len(known) < _MOST_ENTRIES:
                    known.setdefault(entry.name, entry)
        for fact, place in question.facts.items():
            text = text_at(data, place)
            if text is not None and 0 < len(text) <= _LONGEST_NAME:
                self._facts[fact] = text
        if question.nodes is not None:
            self._account = find(data, question.nodes)

    def fail(self, name: str, question: Question, why: str) -> None:
        """Note that a question was not answered: what it would have told is unknown."""
        self._unknown |= question.lists.keys()
        message = f"the server was asked for {name} ({question.request.shown}) and did not tell: {why}"
        finding = Finding("probe-unanswered", message, backend=self._backend.name, severity="warning")
        self._unanswered.append(finding)

    def description(self) -> ServerDescription:
        """All of it."""
        known = {kind: tuple(found.values()) for kind, found in self._lists.items() if kind not in self._unknown}
        account = self._account if isinstance(self._account, dict) and self._account else ABSENT
        return ServerDescription(
            self._backend.name,
            self._url,
            version=self._facts.get("version"),
            checkpoint=self._facts.get("checkpoint"),
            lists=known,
            nodes=tuple(account) if isinstance(account, dict) else None,
            account=account,
            unanswered=tuple(self._unanswered),
        )

    def _refusal(self, response: HttpResponse) -> BackendError:
        form, name = self._backend.errors, self._backend.name
        return refuse(form, response.status, response.body, backend=name, stage="probe")


def _entries(data: Json, form: ListForm) -> list[Entry] | None:
    """The entries of a list; None where the answer holds no such list."""
    places = [place for place in form.each if _is_there(data, place)]
    if not places:
        return None
    found = []
    for place in places:
        items = find(data, place)
        for item in items if "*" in place.steps and isinstance(items, list) else [items]:
            names = list(dict.fromkeys(name for one in form.names for name in _names(item, one)))
            if names:
                found.append(Entry(names[0], tuple(names[1:])))
    return found


def _is_there(data: Json, place: Place) -> bool:
    """Whether the answer holds what the place goes through: a list that is missing is no empty one."""
    steps = place.steps
    before = steps[: steps.index("*")] if "*" in steps else steps
    found = find(data, Place(before, False, place.at))
    return isinstance(found, (list, dict)) if "*" in steps else found is not ABSENT


def _names(item: Json | Absent, form: NameForm) -> Iterator[str]:
    found = ABSENT if item is ABSENT else find(item, form.place)
    for value in found if "*" in form.place.steps and isinstance(found, list) else [found]:
        text: object = value
        for step in form.steps:
            if isinstance(step, Convert) and isinstance(text, str):
                try:
                    text = CONVERSIONS[step.conversion].apply([text], None)
                except ConversionError:
                    text = None
        if isinstance(text, str) and 0 < len(text) <= _LONGEST_NAME:
            yield text
