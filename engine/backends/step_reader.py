"""Reading steps: from backend.yaml's words to the forms of `engine.backends.steps`, with every fault noted.

Which late values a request may use depends on its step, and is checked here. This module sends nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from engine.backends.request_reader import HEADER_NAME, MAX_SECONDS, RequestReader
from engine.backends.steps import (
    STATES,
    Accept,
    Auth,
    Cancel,
    Fetch,
    Look,
    Progress,
    State,
    StateOf,
    Submit,
    Timeouts,
    Upload,
    UploadedAs,
    Witness,
)
from engine.errors import did_you_mean
from engine.tables.shapes import Path
from engine.values import Json, is_integer

__all__ = ["STEP_WORDS", "StepReader"]

#: The words of backend.yaml that are steps.
STEP_WORDS = ("upload", "submit", "look", "fetch", "cancel", "progress", "auth")

#: What a request about a job may use, beside text.
_JOB = frozenset({"job_id", "client_id"})
_MAX_PACE = 60


class StepReader(RequestReader):
    """Reads steps, one method a kind. What is wrong becomes findings."""

    def stated_steps(self, top: Mapping[str, Json]) -> dict[str, Any]:
        """The steps that this file states, by their words. Null takes a step away that a parent has."""
        read = {
            "upload": self.upload,
            "submit": self.submit,
            "look": self.look,
            "fetch": self.fetch,
            "cancel": self.cancel,
            "progress": self.progress,
            "auth": self.auth,
        }
        return {word: None if top[word] is None else read[word]((word,), top[word]) for word in read if word in top}

    def upload(self, path: Path, node: Json) -> Upload:
        """`upload`: a picture sent ahead."""
        form = self._mapping(path, node, "'upload'", {"request", "accept", "value"}, {"request", "value"})
        value, between = form.get("value"), ""
        if isinstance(value, dict):
            self._mapping((*path, "value"), value, "'value'", {"join", "with"}, {"join"})
            if "with" in value:
                between = self.text((*path, "value", "with"), value["with"], "'with'")
            joined = self.items((*path, "value", "join"), value.get("join", []), "'join'")
            places = tuple(self.place((*path, "value", "join", i), place) for i, place in enumerate(joined))
        else:
            places = (self.place((*path, "value"), value),)
        request = self.request((*path, "request"), form.get("request"), {"file", "client_id"})
        return Upload(request, self.accept((*path, "accept"), form.get("accept")), UploadedAs(places, between))

    def submit(self, path: Path, node: Json) -> Submit:
        """`submit`: the payload sent."""
        form = self._mapping(path, node, "'submit'", {"request", "accept", "job"}, {"request"})
        return Submit(
            self.request((*path, "request"), form.get("request"), _JOB | {"payload"}),
            self.accept((*path, "accept"), form.get("accept")),
            self.place((*path, "job"), form["job"]) if "job" in form else None,
        )

    def look(self, path: Path, node: Json) -> Look:
        """`look`: who knows the job, and its state."""
        form = self._mapping(path, node, "'look'", {"every", "ask"}, {"every", "ask"})
        asked = self.items((*path, "ask"), form.get("ask", []), "'ask'")
        if asked == []:
            self.fault("form-shape", "'ask' needs at least one question", self.document.at(*path))
        witnesses = tuple(self._witness((*path, "ask", i), one) for i, one in enumerate(asked))
        if asked and not any(state.state == "done" for one in witnesses for state in one.states):
            self.fault("form-shape", "no state says that the job is done", self.document.at(*path))
        return Look(self.every(path, form), witnesses)

    def _witness(self, path: Path, node: Json) -> Witness:
        form = self._mapping(path, node, "a question", {"request", "entry", "states"}, {"request", "states"})
        states = self.items((*path, "states"), form.get("states", []), "'states'")
        return Witness(
            self.request((*path, "request"), form.get("request"), _JOB),
            self.place((*path, "entry"), form["entry"]) if "entry" in form else None,
            tuple(self._state((*path, "states", i), state) for i, state in enumerate(states)),
        )

    def _state(self, path: Path, node: Json) -> StateOf:
        form = self._mapping(path, node, "a state", {"state", "when", "errors"}, {"state", "when"})
        word = form.get("state")
        state: State = next((state for state in STATES if state == word), "failed")
        if word != state and "state" in form:
            hint = did_you_mean(str(word), STATES) or f"there are: {', '.join(STATES)}"
            self.fault("form-unknown-word", f"there is no state {word!r}", self.document.at(*path, "state"), hint)
        errors = self.errors((*path, "errors"), form["errors"]) if "errors" in form else None
        return StateOf(state, self.tests((*path, "when"), form.get("when")), errors)

    def fetch(self, path: Path, node: Json) -> Fetch:
        """`fetch`: a picture that an answer names."""
        form = self._mapping(path, node, "'fetch'", {"request", "url", "accept", "again"})
        if ("request" in form) == ("url" in form):
            message = "'fetch' says either a 'request' or where the 'url' stands"
            self.fault("form-choice", message, self.document.at(*path))
        request = (
            self.request((*path, "request"), form["request"], _JOB, about_item=True) if "request" in form else None
        )
        return Fetch(
            request,
            self.place((*path, "url"), form["url"]) if "url" in form else None,
            self.accept((*path, "accept"), form.get("accept")),
            self._statuses((*path, "again"), form.get("again", [])),
        )

    def cancel(self, path: Path, node: Json) -> Cancel:
        """`cancel`: how a job is stopped."""
        form = self._mapping(path, node, "'cancel'", {"requests", "stops", "only_while"}, {"requests"})
        stops = form.get("stops", "job")
        if stops not in ("job", "server"):
            hint = "'job' where only the named one stops, 'server' where whatever runs there does"
            self.fault("form-shape", "'stops' is 'job' or 'server'", self.document.at(*path, "stops"), hint)
        requests = self.items((*path, "requests"), form.get("requests", []), "'requests'")
        if requests == [] and "requests" in form:
            self.fault("form-shape", "'requests' needs at least one", self.document.at(*path, "requests"))
        return Cancel(
            tuple(self.request((*path, "requests", i), one, _JOB) for i, one in enumerate(requests)),
            stops == "server",
            self.tests((*path, "only_while"), form["only_while"]) if "only_while" in form else (),
        )

    def progress(self, path: Path, node: Json) -> Progress:
        """`progress`: how far a job is."""
        words = {"every", "request", "socket", "when", "ratio", "step", "steps", "look_when"}
        form = self._mapping(path, node, "'progress'", words)
        at = self.document.at(*path)
        if "request" in form and "socket" in form:
            self.fault("form-choice", "progress is asked for by 'request' or told through 'socket', not both", at)
        if ("step" in form) != ("steps" in form) or not ("ratio" in form or "step" in form):
            self.fault("form-shape", "'progress' says a 'ratio', or a 'step' and of how many 'steps' it is", at)
        for word in {"look_when"} & form.keys() if "socket" not in form else ():
            self.fault("form-shape", f"{word!r} needs a 'socket'", self.document.at(*path, word))
        if "request" in form and "every" not in form:
            self.fault("form-shape", "say how many seconds lie between two questions: 'every'", at)
        place = {w: self.place((*path, w), form[w]) for w in ("ratio", "step", "steps") if w in form}
        request = {w: self.request((*path, w), form[w], _JOB) for w in ("request", "socket") if w in form}
        tests = {w: self.tests((*path, w), form[w]) for w in ("when", "look_when") if w in form}
        return Progress(
            every=self.every(path, form) if "every" in form else 1.0,
            request=request.get("request"),
            socket=request.get("socket"),
            when=tests.get("when", ()),
            ratio=place.get("ratio"),
            step=place.get("step"),
            steps=place.get("steps"),
            look_when=tests.get("look_when", ()),
        )

    def auth(self, path: Path, node: Json) -> Auth:
        """`auth`: the header that carries a token."""
        words = {"header", "before", "environment"}
        form = self._mapping(path, node, "'auth'", words, {"header", "environment"})
        header = self.text((*path, "header"), form.get("header", "Authorization"), "'header'")
        if header and not HEADER_NAME.fullmatch(header):
            self.fault("form-shape", f"{header!r} is no name of a header", self.document.at(*path, "header"))
        before = form.get("before", "")
        return Auth(
            header,
            "" if before == "" else self.header_text((*path, "before"), before),
            self.text((*path, "environment"), form.get("environment", "X"), "'environment'"),
        )

    # -- their parts ----------------------------------------------------------------------------------------

    def accept(self, path: Path, node: Json) -> Accept:
        """`accept`: what counts as success."""
        form = self.mapping(path, node, "'accept'")
        self.known(path, form, {"status", "type", "empty"}, "'accept'")
        places = self.items((*path, "empty"), form.get("empty", []), "'empty'")
        return Accept(
            self._statuses((*path, "status"), form.get("status", [])),
            self.text((*path, "type"), form["type"], "'type'") if "type" in form else "",
            tuple(self.place((*path, "empty", i), place) for i, place in enumerate(places)),
        )

    def _statuses(self, path: Path, node: Json) -> tuple[int, ...]:
        found = []
        for status in node if isinstance(node, list) else [node]:
            if is_integer(status) and 100 <= int(status) <= 599:
                found.append(int(status))
            else:
                self.fault("form-shape", "an HTTP status is a number from 100 to 599", self.document.at(*path))
        return tuple(found)

    def every(self, path: Path, form: Mapping[str, Json]) -> float:
        """`every`: seconds between two questions."""
        return self.seconds((*path, "every"), form.get("every", 1), _MAX_PACE)

    def timeouts(self, path: Path, node: Json, known: Timeouts) -> Timeouts:
        """`timeouts`: those that are stated, and what is known for the others."""
        form = self.mapping(path, node, "'timeouts'")
        words = ("connect", "read", "lookup", "job", "cancel")
        self.known(path, form, words, "'timeouts'")
        stated = {w: self.seconds((*path, w), form[w], MAX_SECONDS) for w in words if w in form}
        return Timeouts(**{word: stated.get(word, getattr(known, word)) for word in words})

    def _mapping(
        self, path: Path, node: Json, what: str, words: Collection[str], needed: Collection[str] = ()
    ) -> dict[str, Json]:
        """The node as a mapping of these words, with a finding for each that is needed and missing."""
        form = self.mapping(path, node, what)
        self.known(path, form, words, what)
        for word in sorted(set(needed) - form.keys()):
            self.fault("form-shape", f"{what} must say {word!r}", self.document.at(*path))
        return form
