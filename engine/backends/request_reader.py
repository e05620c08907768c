"""Reading requests: a method, a path, a query, headers and a body, as backend.yaml writes them.

Whatever sends a request of its own reads it with this: steps, and questions about what a server can do. Which late
values it may use is the caller's to say. This module knows no step and sends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from engine.backends.answer_forms import AnswerReader
from engine.backends.steps import Form, Part, RequestForm
from engine.errors import did_you_mean
from engine.tables.concrete import Value
from engine.tables.shapes import Path
from engine.values import Json, Later

__all__ = ["HEADER_NAME", "MAX_SECONDS", "RequestReader"]

MAX_SECONDS = 24 * 3600
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")

_METHODS = ("GET", "POST", "PUT", "DELETE")
_MAX_PACE = 60
#: Headers that others decide: the transport, or `auth`.
_OWNED = frozenset({"authorization", "cookie", "host", "connection", "transfer-encoding", "te", "upgrade", "expect"})


class RequestReader(AnswerReader):
    """Reads requests. What is wrong becomes findings."""

    def request(self, path: Path, node: Json, known: Collection[str] = (), *, about_item: bool = False) -> RequestForm:
        """A request. `known`: the late values that it may use; `about_item`: whether it may name places."""
        form = self.mapping(path, node, "a request")
        self.known(path, form, {"method", "path", "query", "headers", "json", "multipart", "pace"}, "a request")
        at = self.document.at(*path)
        bodies = [word for word in ("json", "multipart") if word in form]
        if len(bodies) > 1:
            self.fault("form-choice", "a request has one body: 'json' or 'multipart'", at)
        method = form.get("method", "POST" if bodies else "GET")
        if method not in _METHODS:
            message = f"'method' is one of {', '.join(_METHODS)}"
            self.fault("form-shape", message, self.document.at(*path, "method"))
        if method == "GET" and bodies:
            self.fault("form-shape", "a GET request has no body", self.document.at(*path, bodies[0]))
        body: Value | Form = None
        if "multipart" in form:
            body = self._form((*path, "multipart"), form["multipart"], known)
        elif "json" in form:
            body = self._template((*path, "json"), form["json"], known)
        query = self.mapping((*path, "query"), form.get("query"), "'query'")
        return RequestForm(
            method=str(method),
            path=self.segments((*path, "path"), form.get("path"), known, about_item=about_item),
            at=at,
            query=tuple(
                (key, self._part((*path, "query", key), value, known, about_item=about_item))
                for key, value in query.items()
            ),
            headers=self._headers((*path, "headers"), form.get("headers")),
            body=body,
            has_body=bool(bodies),
            pace=self.seconds((*path, "pace"), form["pace"], _MAX_PACE) if "pace" in form else 0.0,
        )

    def segments(
        self, path: Path, node: Json, known: Collection[str] = (), *, about_item: bool = False
    ) -> tuple[Part, ...]:
        """The segments of a path below the base URL."""
        items = self.items(path, node, "the segments of a path")
        if items == [] and isinstance(node, list):
            self.fault("form-shape", "a path needs at least one segment", self.document.at(*path))
        found = []
        for number, item in enumerate(items):
            part = self._part((*path, number), item, known, about_item=about_item)
            if isinstance(part, str) and ("/" in part or part in (".", "..")):
                hint = "write each step of the path as an item of its own: [v1, pictures]"
                self.fault("form-shape", f"{part!r} is no segment of a path", self.document.at(*path, number), hint)
            found.append(part)
        return tuple(found)

    def _part(self, path: Path, node: Json, known: Collection[str], *, about_item: bool) -> Part:
        if isinstance(node, dict) and list(node) == ["at"]:
            if not about_item:
                message = "there is no item here whose places could be named"
                self.fault("form-shape", message, self.document.at(*path), "only 'fetch' is about an item")
            return self.place((*path, "at"), node["at"])
        return self._late(path, node, known) or self.text(path, node, "this part of a request")

    def _late(self, path: Path, node: Json, known: Collection[str]) -> Later | None:
        found = self.later(path, node)
        if found is not None and found.name and found.name not in known:
            hint = did_you_mean(found.name, known) or (f"there is: {', '.join(sorted(known))}" if known else None)
            message = f"nothing is known as {found.name!r} when this is sent"
            self.fault("step-unknown-late", message, self.document.at(*path), hint)
        return found

    def _form(self, path: Path, node: Json, known: Collection[str]) -> Form:
        if (late := self._late(path, node, known)) is not None:
            if late.name != "payload":
                hint = "write {late: payload}, or name the parts"
                self.fault("form-shape", "only the payload can be a whole form", self.document.at(*path), hint)
            return Form(None)
        parts = self.mapping(path, node, "'multipart'")
        return Form(
            tuple((key, self._part((*path, key), value, known, about_item=False)) for key, value in parts.items())
        )

    def _template(self, path: Path, node: Json, known: Collection[str]) -> Value:
        if (late := self._late(path, node, known)) is not None:
            return late
        if isinstance(node, dict):
            return {key: self._template((*path, key), value, known) for key, value in node.items()}
        if isinstance(node, list):
            return [self._template((*path, i), value, known) for i, value in enumerate(node)]
        return node

    def _headers(self, path: Path, node: Json) -> tuple[tuple[str, str], ...]:
        read = []
        for name, value in self.mapping(path, node, "'headers'").items():
            owned = name.casefold() in _OWNED or name.casefold().startswith("content-")
            if owned or not HEADER_NAME.fullmatch(name):
                message = f"a request cannot set the header {name!r}"
                hint = "a token goes through 'auth'" if name.casefold() == "authorization" else None
                self.fault("form-shape", message, self.document.key_at(*path, name), hint)
            read.append((name, self.header_text((*path, name), value)))
        return tuple(read)

    def header_text(self, path: Path, node: Json) -> str:
        """Text that may stand in a header."""
        text = self.text(path, node, "a header's value")
        if not (text.isascii() and text.isprintable()):
            self.fault("form-shape", "a header holds printable ASCII only", self.document.at(*path))
        return text

    def seconds(self, path: Path, node: Json, most: float) -> float:
        """A number of seconds above 0."""
        number = isinstance(node, (int, float)) and not isinstance(node, bool)
        if number and 0.01 <= node <= most:  # type: ignore[operator]
            return float(node)  # type: ignore[arg-type]
        longest = "a day" if most == MAX_SECONDS else f"{most:g}"
        message = f"{path[-1]!r} is in seconds, from 0.01 to {longest}"
        self.fault("form-shape", message, self.document.at(*path))
        return 1.0
