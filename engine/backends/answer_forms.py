"""Where an answer holds what: pictures, info and seeds in a good one, the message in a refusal.

This module knows the words `answers` and `errors` of backend.yaml, and places and tests, which steps use too; it
follows no place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.backends.places import Place, Test
from engine.tables.expressions import ExpressionReader
from engine.tables.shapes import Path
from engine.values import Json, Later

__all__ = ["AnswerForm", "AnswerReader", "ErrorForm"]

#: What `images` says where the whole answer is a picture.
WHOLE_BODY = "body"


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """Where an answer holds what.

    `images`: the pictures, as base64 text or as what a `fetch` step needs to get them; None: the whole body is one.
    `skip` and `take` say which of the images are results (a number, or a list that is counted); `info_is_json`:
    the info is JSON in a text; `seeds`: the seed of each result, at the first of these places where there are some.
    """

    images: Place | None
    skip: Place | None = None
    take: Place | None = None
    info: Place | None = None
    info_is_json: bool = False
    seeds: tuple[Place, ...] = ()
    no_images: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """Where a refusal's message may stand, in the order in which to look, and where the place it complains of.

    Several places in one group make one message, in their order. `hints`: for a status code, what a person can do
    about it.
    """

    message: tuple[tuple[Place, ...], ...] = ()
    where: Place | None = None
    hints: Mapping[str, str] = field(default_factory=dict)


class AnswerReader(ExpressionReader):
    """Reads places, tests, answers and errors. What is wrong becomes findings."""

    def place(self, path: Path, node: Json) -> Place:
        """A JSON Pointer, a list of its steps, or `{info: …}` for one in the decoded info."""
        at = self.document.at(*path)
        in_info = isinstance(node, dict) and list(node) == ["info"]
        pointer = node["info"] if isinstance(node, dict) and in_info else node
        if isinstance(pointer, list):
            steps = tuple(self._step((*path, i), step) for i, step in enumerate(pointer))
            return Place(steps, in_info, at)
        if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
            hint = "a place is a JSON Pointer (/images), a list of its steps, or {info: /seed} for one in the info"
            self.fault("form-shape", "this is no place in an answer", at, hint)
            return Place((), in_info, at)
        return Place(tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]), in_info, at)

    def _step(self, path: Path, node: Json) -> str | Later:
        found = self.later(path, node)
        return self.text(path, node, "a step of a place") if found is None else found

    def later(self, path: Path, node: Json) -> Later | None:
        """`{late: name}`, or None where the node is another thing."""
        if not isinstance(node, dict) or list(node) != ["late"]:
            return None
        return Later(self.text((*path, "late"), node["late"], "the name of what is known late"))

    def tests(self, path: Path, node: Json) -> tuple[Test, ...]:
        """`{place: value}`, `{place: [values]}`, `{place: {late: name}}` or `{place: {not: value}}`: all must hold."""
        form = self.mapping(path, node, "tests")
        if form == {}:
            self.fault("form-shape", "say what should stand where: {/status: done}", self.document.at(*path))
        return tuple(self._test((*path, key), key, value) for key, value in form.items())

    def _test(self, path: Path, key: str, node: Json) -> Test:
        place = self.place(path, key)
        negated = isinstance(node, dict) and list(node) == ["not"]
        value = node["not"] if isinstance(node, dict) and negated else node
        values = value if isinstance(value, list) else [value]
        if values == []:
            self.fault("form-shape", "an empty list is never met", self.document.at(*path))
        read: list[Json | Later] = []
        for one in values:
            late = self.later(path, one)
            if late is None and isinstance(one, (dict, list)):
                hint = "write a value, a list of values, {late: job_id}, or {not: …}"
                self.fault("form-shape", "this is no value to compare with", self.document.at(*path), hint)
            read.append(one if late is None else late)
        return Test(place, tuple(read), negated)

    def errors(self, path: Path, node: Json) -> ErrorForm:
        """`errors`: where a refusal says what is wrong."""
        form = self.mapping(path, node, "'errors'")
        self.known(path, form, {"message", "where", "hints"}, "'errors'")
        hints = self.mapping((*path, "hints"), form.get("hints"), "'hints'")
        groups = self.items((*path, "message"), form.get("message", []), "'message'")
        return ErrorForm(
            tuple(self._group((*path, "message", i), group) for i, group in enumerate(groups)),
            self.place((*path, "where"), form["where"]) if "where" in form else None,
            {status: self.text((*path, "hints", status), hint, "a hint") for status, hint in hints.items()},
        )

    def _group(self, path: Path, node: Json) -> tuple[Place, ...]:
        if isinstance(node, list):
            return tuple(self.place((*path, i), place) for i, place in enumerate(node))
        return (self.place(path, node),)

    def answer(self, path: Path, node: Json) -> AnswerForm:
        """One of `answers`: where images, info and seeds stand."""
        form = self.mapping(path, node, "an answer")
        self.known(path, form, {"images", "skip", "take", "info", "seeds", "no_images"}, "an answer")
        if "images" not in form:
            hint = "a place, or 'body' where the whole answer is a picture"
            self.fault("form-shape", "an answer must say where its 'images' are", self.document.at(*path), hint)
        info, is_json = form.get("info"), False
        if isinstance(info, dict):
            self.known((*path, "info"), info, {"at", "as"}, "'info'")
            is_json = info.get("as") == "json"
            if "at" not in info or not (is_json or "as" not in info):
                message = "'info' is a place, or {at: a place, as: json} where JSON stands in a text"
                self.fault("form-shape", message, self.document.at(*path, "info"))
            info = info.get("at")
        place = {w: self.place((*path, w), form[w]) for w in ("skip", "take") if w in form}
        seeds = self._seeds((*path, "seeds"), form["seeds"]) if "seeds" in form else ()
        named = [*place.items(), *(("seeds", place) for place in seeds)]
        for word in dict.fromkeys(word for word, at in named if at.in_info and info is None):
            message = f"{word!r} lies in the info, and the answer does not say where its 'info' is"
            self.fault("form-shape", message, self.document.at(*path, word))
        images = form.get("images", "")
        return AnswerForm(
            images=None if images == WHOLE_BODY else self.place((*path, "images"), images),
            skip=place.get("skip"),
            take=place.get("take"),
            info=self.place((*path, "info"), info) if info is not None else None,
            info_is_json=is_json,
            seeds=seeds,
            no_images=self.text((*path, "no_images"), form["no_images"], "a hint") if "no_images" in form else None,
        )

    def _seeds(self, path: Path, node: Json) -> tuple[Place, ...]:
        """A place, or `{first: [places]}`."""
        if not isinstance(node, dict) or list(node) != ["first"]:
            return (self.place(path, node),)
        places = self.items((*path, "first"), node["first"], "'first'")
        return tuple(self.place((*path, "first", i), place) for i, place in enumerate(places))
