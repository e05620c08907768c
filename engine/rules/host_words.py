"""The words by which a host's objects are read: `mappings/host.yaml`, strictly.

It says where in a plan the stages are, where in a stage its type and config, which attributes hold further words,
and what is left out with which reason. The fields that a config may hold are none of its business: they and their
aliases are those of request.yaml. This module reads the words and holds them against the rules; `engine.host_plans`
reads objects by them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from engine.documents import Document
from engine.errors import Finding, TableError, did_you_mean
from engine.rules.client_words import ClientWords
from engine.rules.request import RequestRules
from engine.tables.expressions import ExpressionReader
from engine.tables.forms import Condition, GroupOn
from engine.tables.shapes import Path
from engine.tables.traverse import all_tests
from engine.values import Json

__all__ = ["HostWords", "Part", "SwitchedOff", "read_host_words"]

T = TypeVar("T")

_PLAN_ROLES: Final = ("stages", "run_id", "input_images", "options")
_STAGE_ROLES: Final = ("id", "stage_type", "enabled", "config")
_FILE_WORDS: Final = frozenset({"format", "plan", "stage", "parts", "stage_words", "off", "ignored"})


@dataclass(frozen=True, slots=True)
class Part:
    """An attribute that holds further words.

    `words`: the only ones that count there, and the fields that they mean; None: those of any config. `shared`: the
    host fills it alike for stages of every type.
    """

    words: Mapping[str, str] | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """When a switch that is on is taken as off, and why."""

    when: Condition
    reason: str


@dataclass(frozen=True, slots=True)
class HostWords:
    """Everything that host.yaml says. `plan` and `stage`: role -> the attributes that may play it, the first first.

    `client`: what host_client.yaml says.
    """

    plan: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stage: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    parts: Mapping[str, Part] = field(default_factory=dict)
    stage_words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    off: Mapping[str, SwitchedOff] = field(default_factory=dict)
    ignored: Mapping[str, str] = field(default_factory=dict)
    client: ClientWords = field(default_factory=ClientWords)


def read_host_words(documents: Sequence[Document], rules: RequestRules) -> HostWords:
    """The words of several files together; a later one adds. Raises TableError with all findings."""
    findings: list[Finding] = []
    plan: dict[str, tuple[str, ...]] = {}
    stage: dict[str, tuple[str, ...]] = {}
    parts: dict[str, Part] = {}
    stage_words: dict[str, Mapping[str, str]] = {}
    off: dict[str, SwitchedOff] = {}
    ignored: dict[str, str] = {}
    for document in documents:
        reader = _HostReader(document)
        one = reader.read(rules)
        findings += reader.findings
        for ours, theirs in ((plan, one.plan), (stage, one.stage)):
            ours.update({role: (*ours.get(role, ()), *words) for role, words in theirs.items()})
        add = partial(_add, document, findings)
        add("parts", parts, one.parts)
        add("off", off, one.off)
        add("ignored", ignored, one.ignored)
        for kind, words in one.stage_words.items():
            stage_words[kind] = {**stage_words.get(kind, {}), **words}
    if findings:
        raise TableError(findings)
    return HostWords(plan, stage, parts, stage_words, off, ignored)


def _add(document: Document, findings: list[Finding], what: str, ours: dict[str, T], theirs: Mapping[str, T]) -> None:
    for key, value in theirs.items():
        if key in ours:
            message = f"{what} has {key!r} already: a folder adds to the words, it does not change them"
            findings.append(Finding("rules-collision", message, at=document.key_at(what, key)))
        else:
            ours[key] = value


class _HostReader(ExpressionReader):
    """Reads one host.yaml."""

    def read(self, rules: RequestRules) -> HostWords:
        top = self.mapping((), self.document.value, "host.yaml")
        self.known((), top, _FILE_WORDS, "host.yaml")
        self.format(top, "host.yaml")
        plan, stage = self._roles("plan", top, _PLAN_ROLES), self._roles("stage", top, _STAGE_ROLES)
        parts = {
            name: self._part(("parts", name), node, rules)
            for name, node in self.mapping(("parts",), top.get("parts"), "'parts'").items()
        }
        stage_words = {}
        for kind, node in self.mapping(("stage_words",), top.get("stage_words"), "'stage_words'").items():
            if kind not in rules.stages:
                at, hint = self.document.key_at("stage_words", kind), did_you_mean(kind, rules.stages)
                self.fault("backend-unknown-stage", f"there is no stage type {kind!r}", at, hint)
            stage_words[kind] = self._fields(("stage_words", kind), node, rules)
        off = {
            name: self._off(("off", name), node, rules)
            for name, node in self.mapping(("off",), top.get("off"), "'off'").items()
        }
        ignored = {
            name: self.text(("ignored", name), reason, "the reason why a word is left out")
            for name, reason in self.mapping(("ignored",), top.get("ignored"), "'ignored'").items()
        }
        self._check_free(parts, ignored, rules)
        return HostWords(plan, stage, parts, stage_words, off, ignored)

    def _roles(self, what: str, top: Mapping[str, Json], roles: Sequence[str]) -> dict[str, tuple[str, ...]]:
        node = self.mapping((what,), top.get(what), f"{what!r}")
        self.known((what,), node, roles, f"{what!r}")
        return {
            role: tuple(
                self.text((what, role, index), word, "an attribute's name")
                for index, word in enumerate(self.items((what, role), words, "the attributes that may play a role"))
            )
            for role, words in node.items()
            if role in roles
        }

    def _part(self, path: Path, node: Json, rules: RequestRules) -> Part:
        form = self.mapping(path, node, "a part")
        self.known(path, form, {"words", "shared"}, "a part")
        return Part(
            self._fields((*path, "words"), form["words"], rules) if "words" in form else None,
            self.flag((*path, "shared"), form["shared"], "'shared'") if "shared" in form else False,
        )

    def _fields(self, path: Path, node: Json, rules: RequestRules) -> dict[str, str]:
        """A mapping from words to fields that there are."""
        found = {}
        for word, name in self.mapping(path, node, "a mapping from words to fields").items():
            found[word] = self.text((*path, word), name, "a field name")
            if found[word] not in rules.schemas:
                hint = did_you_mean(found[word], rules.schemas)
                self.fault("rules-unknown-field", f"there is no field {name!r}", self.document.at(*path, word), hint)
        return found

    def _off(self, path: Path, node: Json, rules: RequestRules) -> SwitchedOff:
        form = self.mapping(path, node, "a switch that is taken as off")
        self.known(path, form, {"when", "reason"}, "a switch that is taken as off")
        if path[-1] not in rules.switches:
            hint = did_you_mean(str(path[-1]), rules.switches)
            self.fault("rules-switch", f"{path[-1]!r} switches no group", self.document.key_at(*path), hint)
        when = self.condition((*path, "when"), form.get("when"))
        for test in all_tests(when):
            if isinstance(test, GroupOn):
                message = "a switch is looked at before it is known which groups are on"
                self.fault("rules-switch", message, test.at)
            elif test.name not in rules.schemas:
                hint = did_you_mean(test.name, rules.schemas)
                self.fault("rules-unknown-field", f"there is no field {test.name!r}", test.at, hint)
        return SwitchedOff(when, self.text((*path, "reason"), form.get("reason"), "'reason'"))

    def _check_free(self, parts: Mapping[str, Part], ignored: Mapping[str, str], rules: RequestRules) -> None:
        """A word that means a field cannot mean something else too."""
        spellings = rules.spellings()
        for what, words in (("parts", parts), ("ignored", ignored)):
            for word in words:
                if word in spellings or word in rules.toggles:
                    message = f"{word!r} means the field {spellings.get(word, word)} already"
                    self.fault("rules-collision", message, self.document.key_at(what, word))
