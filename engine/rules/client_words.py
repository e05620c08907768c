"""The words by which a host's own client is spoken to: `mappings/host_client.yaml`, strictly.

It says what that client calls a stage, which attribute of its outcome means what, and which error code of its is which
of ours, both ways. This module reads the words; `engine.host_client` speaks by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from engine import errors
from engine.documents import Document
from engine.errors import Finding, StageEngineError, TableError, did_you_mean
from engine.rules.request import RequestRules
from engine.tables.shapes import Path, ShapeReader
from engine.values import Json

__all__ = ["ClientWords", "Meaning", "read_client_words"]

_ROLES: Final = (
    *("ok", "result", "error", "images", "info", "timings", "code", "message", "details", "seeds", "skip"),
)
_FILE_WORDS: Final = frozenset({"format", "stages", "outcome", "codes", "back", "otherwise"})
_WAYS_BACK: Final = ("fields", "groups", "statuses", "errors")

_NONE: Final[Mapping[str, str]] = MappingProxyType({})

#: The errors that a client's failure may become: those that name a back end and a stage, and need nothing else.
_FAILURES: Final = ("BackendError", "BackendRefusedError", "BackendTimeoutError", "BackendUnreachableError")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error code of a host's client is here: the class of the error, and its code."""

    error: str
    code: str


@dataclass(frozen=True, slots=True)
class ClientWords:
    """Everything that host_client.yaml says. `otherwise`: the host's code for what no other fits, and for no code."""

    stages: Mapping[str, str] = field(default_factory=dict)
    outcome: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    codes: Mapping[str, Meaning] = field(default_factory=dict)
    back: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: dict.fromkeys(_WAYS_BACK, _NONE))
    otherwise: str = ""

    @property
    def known(self) -> frozenset[str]:
        """Every attribute that is looked for in an outcome."""
        return frozenset(word for words in self.outcome.values() for word in words)

    def meaning(self, code: object) -> Meaning:
        """What a code of the client's is here. One that nobody knows is `otherwise`."""
        known = self.codes.get(code) if isinstance(code, str) else None
        return self.codes[self.otherwise] if known is None else known

    def code_of(self, error: StageEngineError, rules: RequestRules) -> str:
        """The host's code for an error of ours."""
        for code, meaning in self.codes.items():
            if meaning.code == error.code and code != self.otherwise:
                return code
        named = [finding.field for finding in error.findings if finding.field is not None]
        for name in named:
            group = rules.group_of(name)
            for way, word in (("fields", name), ("groups", group)):
                if word is not None and word in self.back[way]:
                    return self.back[way][word]
        status = str(error.status) if isinstance(error, errors.HttpStatusError) else ""
        if status in self.back["statuses"]:
            return self.back["statuses"][status]
        classes = (kind.__name__ for kind in type(error).__mro__)
        return next((self.back["errors"][name] for name in classes if name in self.back["errors"]), self.otherwise)


def read_client_words(document: Document, rules: RequestRules) -> ClientWords:
    """The words of a file. Raises TableError with all findings."""
    reader = _ClientReader(document)
    words = reader.read(rules)
    if reader.findings:
        raise TableError(reader.findings)
    return words


class _ClientReader(ShapeReader):
    """Reads one host_client.yaml."""

    def read(self, rules: RequestRules) -> ClientWords:
        top = self.mapping((), self.document.value, "host_client.yaml")
        self.known((), top, _FILE_WORDS, "host_client.yaml")
        self.format(top, "host_client.yaml")
        stages = self._texts(("stages",), top.get("stages"))
        for name in stages:
            self._is_one_of("backend-unknown-stage", "stage type", ("stages", name), name, rules.stages)
        codes = dict(self._codes(top))
        otherwise = self.text(("otherwise",), top.get("otherwise"), "'otherwise'")
        self._is_one_of("host-unknown-code", "code", ("otherwise",), otherwise, codes)
        return ClientWords(stages, self._outcome(top), codes, self._back(top, codes, rules), otherwise)

    def _outcome(self, top: Mapping[str, Json]) -> dict[str, tuple[str, ...]]:
        node = self.mapping(("outcome",), top.get("outcome"), "'outcome'")
        self.known(("outcome",), node, _ROLES, "'outcome'")
        return {
            role: tuple(
                self.text(("outcome", role, index), word, "an attribute's name")
                for index, word in enumerate(self.items(("outcome", role), words, "the attributes of a role"))
            )
            for role, words in node.items()
        }

    def _codes(self, top: Mapping[str, Json]) -> Iterator[tuple[str, Meaning]]:
        for name, node in self.mapping(("codes",), top.get("codes"), "'codes'").items():
            path = ("codes", name)
            form = self.mapping(path, node, "what a code means")
            self.known(path, form, {"error", "code"}, "what a code means")
            error = self.text((*path, "error"), form.get("error"), "'error'")
            self._is_one_of("host-unknown-code", "error", (*path, "error"), error, _FAILURES)
            yield name, Meaning(error, self.text((*path, "code"), form.get("code"), "'code'"))

    def _back(
        self, top: Mapping[str, Json], codes: Mapping[str, Meaning], rules: RequestRules
    ) -> dict[str, Mapping[str, str]]:
        node = self.mapping(("back",), top.get("back"), "'back'")
        self.known(("back",), node, _WAYS_BACK, "'back'")
        statuses = [str(status) for status in range(100, 600)]
        known = {"fields": rules.schemas, "groups": rules.groups, "statuses": statuses, "errors": errors.__all__}
        back: dict[str, Mapping[str, str]] = {}
        for way in _WAYS_BACK:
            back[way] = self._texts(("back", way), node.get(way))
            for word, code in back[way].items():
                self._is_one_of("host-unknown-code", way.removesuffix("s"), ("back", way, word), word, known[way])
                self._is_one_of("host-unknown-code", "code", ("back", way, word), code, codes)
        return back

    def _texts(self, path: Path, node: Json) -> dict[str, str]:
        found = self.mapping(path, node, f"{path[-1]!r}")
        return {word: self.text((*path, word), text, "a word") for word, text in found.items()}

    def _is_one_of(self, code: str, what: str, path: Path, word: str, known: Iterable[str]) -> None:
        words = list(known)
        if word and word not in words:
            at = self.document.at(*path)
            self.findings.append(Finding(code, f"there is no {what} {word!r}", at=at, hint=did_you_mean(word, words)))
