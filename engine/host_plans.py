"""Plans and configs as a host has them, read into plans and configs of ours.

A host has classes of its own. What their attributes mean is data (mappings/host.yaml, and request.yaml for the fields
of a config); this module brings words and objects together, and knows no attribute by name. What an object holds,
`engine.host_objects` says. Nothing is changed, nothing is sent, and everything is bounded: stages, pictures, levels.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from engine.errors import Finding, PlanError, did_you_mean
from engine.host_objects import VALUES, has_words, held
from engine.images import Image
from engine.plan import HostConfig, Picture, PlanOptions, RunConfig, StageConfig, StageExecution, StageExecutionPlan
from engine.rules.host_words import HostWords, Part
from engine.rules.request import RequestRules
from engine.values import ABSENT, Absent, kind_of, non_json, same

__all__ = ["AnyPlan", "HasStages", "Reading", "read_plan"]

#: The most stages of a plan, pictures, levels of parts inside each other, letters of a name.
_MAX_STAGES: Final = 64
_MAX_PICTURES: Final = 256
_MAX_LEVELS: Final = 6
_MAX_NAME: Final = 200

_AGREE: Final = "let one of them say it, or both the same"


class HasStages(Protocol):
    """A plan of a host's: whatever has stages in order. What a stage is may vary; docs/host.md shows the shapes."""

    @property
    def stages(self) -> Iterable[object]:
        """The stages in the order in which they run."""


#: What a runner takes as a plan: ours, an object with stages, or the stages themselves.
AnyPlan: TypeAlias = StageExecutionPlan | HasStages | Iterable[object]


@dataclass(frozen=True, slots=True)
class Reading:
    """A plan and a base config of ours, and what of the host's was left out."""

    plan: StageExecutionPlan
    base_config: Mapping[str, object]
    warnings: tuple[Finding, ...] = ()


def read_plan(plan: object, base_config: object, words: HostWords, rules: RequestRules) -> Reading:
    """The plan and the config in our own types. Those that are ours already are handed on as they are.

    Raises PlanError, with all findings, for what is no plan or no config, for an attribute that raises when it is
    read, and for two that contradict each other.
    """
    reader = _Reader(words, rules)
    read = reader.plan(plan)
    base = base_config if isinstance(base_config, Mapping) else reader.base(base_config)
    errors = [finding for finding in reader.findings if finding.severity == "error"]
    if errors:
        raise PlanError(dict.fromkeys(errors))
    return Reading(read, base, tuple(dict.fromkeys(reader.findings)))


@dataclass(slots=True)
class _Word:
    """One word of a config: its value, where it was read, and whether the host writes it alike for every stage."""

    value: object
    source: str
    shared: bool


class _Reader:
    """Reads one plan and its base config, collecting findings."""

    def __init__(self, words: HostWords, rules: RequestRules) -> None:
        self._words, self._rules = words, rules
        self.findings: list[Finding] = []
        roles = {word for names in (*words.plan.values(), *words.stage.values()) for word in names}
        fields = {*rules.spellings(), *rules.drops, *rules.toggles}
        inner = {word for part in words.parts.values() if part.words is not None for word in part.words}
        inner |= {word for names in words.stage_words.values() for word in names}
        self._known = frozenset(roles | fields | inner | words.parts.keys() | words.ignored.keys())

    def _fault(self, code: str, message: str, *, stage: str | None = None, hint: str | None = None) -> None:
        self.findings.append(Finding(code, message, stage=stage, hint=hint))

    def _warn(self, code: str, message: str, *, stage: str | None = None, hint: str | None = None) -> None:
        self.findings.append(Finding(code, message, stage=stage, hint=hint, severity="warning"))

    # -- plans and stages -----------------------------------------------------------------------------------

    def plan(self, plan: object) -> StageExecutionPlan:
        if isinstance(plan, StageExecutionPlan) and all(_is_ours(stage) for stage in plan.stages):
            return plan
        if plan is None or isinstance(plan, VALUES):
            self._fault("plan-shape", f"{kind_of(plan)} is no plan: give an object with stages, or a list of them")
            return StageExecutionPlan(())
        words = self._held(plan, "the plan") if has_words(plan) else {}
        roles = {word for names in self._words.plan.values() for word in names}
        for word in words:
            if word not in roles and word not in self._words.ignored:
                hint = did_you_mean(word, self._known)
                self._warn("host-unknown-attribute", f"the plan has {word!r}, which means nothing here", hint=hint)
        stages = self._role(words, self._words.plan, "stages")
        found = self._listed(plan if stages is ABSENT else stages, "the plan's stages", _MAX_STAGES)
        run_id = self._name(self._role(words, self._words.plan, "run_id"), "run_id")
        options = self._role(words, self._words.plan, "options")
        if options is not ABSENT and not isinstance(options, PlanOptions):
            self._warn("host-unknown-attribute", "the plan's options are no PlanOptions, and are left out")
        return StageExecutionPlan(
            tuple(self._stage(stage, f"stages.{index}") for index, stage in enumerate(found)),
            self._pictures(self._role(words, self._words.plan, "input_images")),
            options if isinstance(options, PlanOptions) else PlanOptions(),
            **({} if run_id is None else {"run_id": run_id}),
        )

    def _stage(self, stage: object, place: str) -> StageExecution:
        if isinstance(stage, StageExecution) and _is_ours(stage):
            return stage
        if not has_words(stage):
            self._fault("plan-shape", f"{place} is {kind_of(stage)}, and no stage")
            return StageExecution(place, StageConfig("", HostConfig({})))
        roles = self._words.stage
        outer = self._held(stage, place)
        config = self._role(outer, roles, "config")
        inner = {} if config is ABSENT else self._held(config, f"{place}'s config")
        said = {role: self._agreed(place, role, outer, inner) for role in roles if role != "config"}
        kind = self._stage_type(said.get("stage_type", ABSENT), place)
        given = self._name(said.get("id", ABSENT), f"{place}: id")
        name = f"{int(place.rpartition('.')[2]) + 1}-{kind}" if given is None else given
        enabled = said.get("enabled", ABSENT)
        if not isinstance(enabled, (bool, Absent)):
            self._fault("plan-toggle", f"enabled must be true or false, not {kind_of(enabled)}", stage=name)
        words: dict[str, _Word] = {}
        read = {word for names in roles.values() for word in names}
        where = _Where(name, place, self._words.stage_words.get(kind, {}), read, shared=True)
        self._gather(words, outer, where)
        where = replace(where, source=f"{place}'s config", shared=not isinstance(config, Mapping))
        self._gather(words, inner, where)
        values = {word: entry.value for word, entry in words.items()}
        fields = HostConfig(values, shared=frozenset(word for word, entry in words.items() if entry.shared))
        return StageExecution(name, StageConfig(kind, fields, enabled if isinstance(enabled, bool) else None))

    def _stage_type(self, given: object, place: str) -> str:
        if isinstance(given, str) and given:
            return given
        hint = f"give it a stage_type that is text; there are: {', '.join(self._rules.stages)}"
        self._fault("plan-shape", f"{place} does not say of which type it is", hint=hint)
        return ""

    def base(self, config: object) -> RunConfig:
        if not has_words(config):
            message = f"{kind_of(config)} is no base config: give a mapping, or an object with fields as attributes"
            self._fault("plan-shape", message)
            return HostConfig({})
        words: dict[str, _Word] = {}
        where = _Where(None, "base_config", {}, set(), shared=True)
        self._gather(words, self._held(config, "base_config"), where)
        return HostConfig({word: entry.value for word, entry in words.items()})

    # -- configs --------------------------------------------------------------------------------------------

    def _gather(self, words: dict[str, _Word], held: Mapping[str, object], where: _Where, level: int = 0) -> None:
        """Every word that an object holds, and those of its parts."""
        for word, value in held.items():
            part = self._words.parts.get(word) if where.only is None else None
            if part is not None:
                self._gather_part(words, word, value, part, where, level)
            elif word not in self._words.ignored and word not in where.roles:
                self._keep(words, word, value, where)

    def _gather_part(
        self, words: dict[str, _Word], word: str, value: object, part: Part, where: _Where, level: int
    ) -> None:
        source = f"{where.source}'s {word}"
        if value is None:
            return
        if not has_words(value):
            message = f"{source} is {kind_of(value)}, and no mapping or object: left out"
            self._warn("host-unknown-attribute", message, stage=where.stage)
        elif level >= _MAX_LEVELS:
            self._fault("plan-shape", f"{source} is nested too deeply, or holds itself", stage=where.stage)
        else:
            shared = part.shared or (where.shared and not isinstance(value, Mapping))
            inner = replace(where, source=source, roles=(), shared=shared, only=part.words)
            self._gather(words, self._held(value, source), inner, level + 1)

    def _keep(self, words: dict[str, _Word], word: str, value: object, where: _Where) -> None:
        if where.only is not None and word not in where.only:
            hint = did_you_mean(word, where.only)
            message = f"{where.source} has {word!r}, which means nothing there"
            self._warn("host-unknown-attribute", message, stage=where.stage, hint=hint)
            return
        meaning = word if where.only is None else where.only[word]
        meaning = where.own.get(meaning, meaning)
        known = words.get(meaning)
        if known is None or (known.shared and not where.shared and _equal(known.value, value)):
            words[meaning] = _Word(value, where.source, where.shared)
        elif not _equal(known.value, value):
            message = f"{known.source} and {where.source} both say {meaning}, and they differ"
            self._fault("host-contradiction", message, stage=where.stage, hint=_AGREE)

    def _held(self, item: object, source: str) -> dict[str, object]:
        found, findings = held(item, self._known, source)
        self.findings += findings
        return found

    # -- single values --------------------------------------------------------------------------------------

    def _role(self, held: Mapping[str, object], roles: Mapping[str, tuple[str, ...]], role: str) -> object:
        return next((held[word] for word in roles.get(role, ()) if held.get(word) is not None), ABSENT)

    def _agreed(self, place: str, role: str, stage: Mapping[str, object], config: Mapping[str, object]) -> object:
        """What the stage and its config say of a role; a finding where they contradict each other."""
        outer, inner = (self._role(held, self._words.stage, role) for held in (stage, config))
        if outer is not ABSENT and inner is not ABSENT and not _equal(outer, inner):
            message = f"{place} and its config both say {role}, and they differ"
            self._fault("host-contradiction", message, hint=_AGREE)
        return inner if outer is ABSENT else outer

    def _name(self, value: object, what: str) -> str | None:
        """A name as text; None where there is none."""
        text = str(value) if isinstance(value, (int, uuid.UUID)) and not isinstance(value, bool) else value
        if text is ABSENT or text == "":
            return None
        if isinstance(text, str) and len(text) <= _MAX_NAME and text.isprintable():
            return text
        self._fault("plan-shape", f"{what} must be a text of one line, of at most {_MAX_NAME} characters")
        return None

    def _listed(self, items: object, what: str, most: int) -> list[object]:
        """The items of anything that can be iterated; a finding where it cannot, or has too many."""
        # What has no __iter__ may still have __getitem__, as old sequences do.
        listed = isinstance(items, Iterable) or hasattr(type(items), "__getitem__")
        if not listed or isinstance(items, (*VALUES, Mapping)):
            self._fault("plan-shape", f"{what} must be a list, not {kind_of(items)}")
            return []
        try:
            found = list(islice(iter(items), most + 1))  # type: ignore[call-overload]
        except Exception as problem:  # noqa: BLE001 - foreign code
            self._fault("host-attribute-raised", f"{what} cannot be read: {type(problem).__name__}")
            return []
        if len(found) > most:
            self._fault("plan-shape", f"{what} are more than {most}")
            return []
        return found

    def _pictures(self, given: object) -> tuple[Picture, ...]:
        if given is ABSENT:
            return ()
        if isinstance(given, (Image, bytes, Path, str)):
            return (given,)
        pictures: list[Picture] = []
        for index, item in enumerate(self._listed(given, "input_images", _MAX_PICTURES)):
            if isinstance(item, (Image, bytes, Path, str)):
                pictures.append(item)
            else:
                message = f"input_images.{index} is {kind_of(item)}, and no picture"
                self._fault("plan-shape", message, hint="give bytes, a path, or an engine.Image")
        return tuple(pictures)


@dataclass(frozen=True, slots=True)
class _Where:
    """Whose words are read: the stage, the object's name for people, words of the stage type's own.

    `roles`: attributes that were read already. `only`: the words that count here, where not all do.
    """

    stage: str | None
    source: str
    own: Mapping[str, str]
    roles: Collection[str]
    shared: bool
    only: Mapping[str, str] | None = None


def _is_ours(stage: object) -> bool:
    """Whether a stage is of our own types, config and all."""
    config: object = stage.stage_config if isinstance(stage, StageExecution) else None
    return isinstance(config, StageConfig) and isinstance(config.fields, Mapping)


def _equal(a: object, b: object) -> bool:
    """Whether two values are the same. Those that are no JSON data are not asked: their `==` is foreign code."""
    return a is b or (non_json(a) is None and non_json(b) is None and same(a, b))
