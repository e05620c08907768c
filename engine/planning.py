"""The whole plan, before the first call: every stage resolved, built and checked, with stand-ins for pictures.

What is wrong anywhere in the plan comes out here, all of it at once, and nothing has been sent. Sizes of pictures
that do not exist yet are those that the stage before should give. This module knows plans and requests; a client
is known to it as something that may be able to `prepare` a request.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from engine.backends.catalog import Catalog
from engine.client import PreparedRequest
from engine.errors import Finding, ImageError, PayloadError, PlanError, did_you_mean
from engine.host_plans import AnyPlan, Reading, read_plan
from engine.images import Image
from engine.plan import HostConfig, Picture, PlanOptions, RunConfig, StageExecution, StageExecutionPlan
from engine.request import GenerateImagesRequest
from engine.rules.request import RequestRules
from engine.rules.resolve import Layer, Resolution, resolve
from engine.seeds import Seeds
from engine.values import ABSENT, canonical, kind_of, non_json

__all__ = ["PlannedRun", "PlannedStage", "Prepare", "as_image", "plan_run"]

#: Builds and checks a request's bodies without sending anything.
Prepare = Callable[[GenerateImagesRequest], PreparedRequest]

#: The longest name of a file, and of one part of it, that is tried: a longer text is a picture, not its name.
_MAX_NAME: Final = 4096
_MAX_PART: Final = 255

#: Deeper than any value of a config may be; deeper still, it is left as it is, and refused later.
_MAX_DEPTH: Final = 40

#: More values than one word of a config may hold, lists and mappings counted too.
_MAX_VALUES: Final = 100_000

#: What stands for a picture where nobody knows what size it will have, in pixels.
_UNKNOWN_SIZE: Final = 512


@dataclass(frozen=True, slots=True)
class PlannedStage:
    """One stage as it will run. `request` holds stand-ins for pictures; None where the stage does not run.

    `warnings`: why a stage that is enabled does not run, where the plan lets what is not possible be left out.
    """

    execution: StageExecution
    request: GenerateImagesRequest | None
    prepared: PreparedRequest | None
    warnings: tuple[Finding, ...] = ()

    @property
    def enabled(self) -> bool:
        """Whether the stage runs."""
        return self.request is not None


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A plan that was found in order. `left_out`: what of a host's objects counts for nothing, and why."""

    plan: StageExecutionPlan
    base_config: Mapping[str, object]
    stages: tuple[PlannedStage, ...]
    input_images: tuple[Image, ...]
    left_out: tuple[Finding, ...] = ()

    @property
    def prepared(self) -> list[tuple[GenerateImagesRequest, PreparedRequest]]:
        """The request and what is sent for it, of every stage that runs and that the client has prepared."""
        return [(s.request, s.prepared) for s in self.stages if s.request is not None and s.prepared is not None]

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is left out: of a host's objects, and what the back end cannot do, where the plan lets it."""
        found = list(self.left_out)
        for stage in self.stages:
            found += (*stage.warnings, *(() if stage.prepared is None else stage.prepared.warnings))
        return tuple(found)


def plan_run(
    plan: AnyPlan,
    base_config: object,
    catalog: Catalog,
    prepare: Prepare | None = None,
    *,
    dry: bool = False,
) -> PlannedRun:
    """Resolve and check every stage. `dry`: draw seeds from the plan's digest, so that they are the same each time.

    Plan and config may be a host's own objects (`engine.host_plans`).

    Raises PlanError with everything that is wrong with the plan and its configs, PayloadError with everything that
    is wrong with the payloads. TableError where the tables are.
    """
    read = read_plan(plan, base_config, catalog.host_words, catalog.rules)
    return _Planning(read, catalog, prepare, dry=dry).run()


class _Planning:
    """One planning: collects findings over all stages."""

    def __init__(
        self,
        read: Reading,
        catalog: Catalog,
        prepare: Prepare | None,
        *,
        dry: bool,
    ) -> None:
        plan, base_config = read.plan, read.base_config
        self._plan, self._base_config, self._catalog, self._prepare = plan, base_config, catalog, prepare
        self._rules: RequestRules = catalog.rules
        self._findings: list[Finding] = []
        self._payload_findings: list[Finding] = []
        self._warnings: list[Finding] = list(read.warnings)
        self._base = self._layer("base_config", base_config)
        digest = _digest(plan, base_config) if dry else None
        self._seeds = Seeds(self._rules.schemas, dry=digest, leave=plan.options.seed == "server")

    def run(self) -> PlannedRun:
        plan = self._plan
        self._check_ids()
        enabled = [self._is_enabled(stage) for stage in plan.stages]
        if not any(enabled):
            self._fault("plan-empty", "the plan has no stage that is enabled", None)
        images = self._input_images()
        self._check_order(enabled, images)
        self._check_ambiguous(enabled)
        pictures: tuple[Image, ...] = images
        stages = []
        for stage, runs in zip(plan.stages, enabled, strict=True):
            planned = self._stage(stage, pictures) if runs else PlannedStage(stage, None, None)
            stages.append(planned)
            if planned.enabled:
                pictures = self._expected(planned)
        if self._findings:
            raise PlanError(self._findings)
        if not any(stage.enabled for stage in stages):
            hint = "nothing of the plan is left to run"
            warnings = (warning for stage in stages for warning in stage.warnings)
            self._payload_findings += (replace(warning, severity="error", hint=hint) for warning in warnings)
        if self._payload_findings:
            raise PayloadError(self._payload_findings)
        return PlannedRun(plan, self._base_config, tuple(stages), images, tuple(self._warnings))

    def _expected(self, planned: PlannedStage) -> tuple[Image, ...]:
        """Stand-ins for what a stage should give."""
        unknown = (Image.predict(_UNKNOWN_SIZE, _UNKNOWN_SIZE),)
        if planned.prepared is None:
            return unknown
        try:
            return planned.prepared.stand_ins
        except ImageError as problem:
            stage = planned.execution
            message = f"{stage.id} would give too large a picture: {problem.message}"
            self._payload_findings.append(Finding("payload-size", message, at=stage.at, stage=stage.id))
            return unknown

    def _fault(self, code: str, message: str, stage: StageExecution | None, hint: str | None = None) -> None:
        at, name = (None, None) if stage is None else (stage.at, stage.id)
        self._findings.append(Finding(code, message, at=at, hint=hint, stage=name))

    def _add(self, findings: Sequence[Finding], stage: StageExecution) -> None:
        """Keep a stage's findings. What is wrong with the base config is said once, and not of any stage."""
        spellings = self._rules.spellings()
        base = {spellings.get(key, key) for key in self._base.values}
        own = {spellings.get(key, key) for key in stage.stage_config.fields}
        for finding in findings:
            kept = self._warnings if finding.severity == "warning" else self._findings
            if finding.field not in base - own:
                kept.append(replace(finding, stage=stage.id))
            elif finding not in kept:
                kept.append(finding)

    def _check_ids(self) -> None:
        seen: set[str] = set()
        for stage in self._plan.stages:
            if stage.id in seen:
                self._fault("plan-duplicate-id", f"two stages have the id {stage.id!r}", stage)
            seen.add(stage.id)

    def _is_enabled(self, stage: StageExecution) -> bool:
        """The stage's word on whether it runs; its toggle's where it has none; else it does."""
        config = stage.stage_config
        kind = self._rules.stages.get(config.stage_type)
        if kind is None:
            hint = did_you_mean(config.stage_type, self._rules.stages) or f"there are: {', '.join(self._rules.stages)}"
            self._fault("plan-unknown-stage", f"there is no stage type {config.stage_type!r}", stage, hint)
            return True
        toggle = None if kind.toggle is None else config.fields.get(kind.toggle)
        if toggle is not None and not isinstance(toggle, bool):
            self._fault("plan-toggle", f"{kind.toggle} must be true or false", stage)
        elif toggle is not None and config.enabled is not None and toggle != config.enabled:
            said = "true" if config.enabled else "false"
            message = f"the stage says enabled: {said}, and its own {kind.toggle} says the opposite"
            self._fault("plan-toggle", message, stage, f"leave {kind.toggle} out")
        elif config.enabled is None:
            return toggle is not False
        return config.enabled is not False

    def _input_images(self) -> tuple[Image, ...]:
        images = []
        for index, picture in enumerate(self._plan.input_images):
            try:
                images.append(as_image(picture))
            except ImageError as problem:
                self._fault(problem.code, f"input_images.{index}: {problem.message}", None)
        return tuple(images)

    def _check_order(self, enabled: Sequence[bool], images: Sequence[Image]) -> None:
        kinds = [
            (stage, self._rules.stages[stage.stage_type])
            for stage, runs in zip(self._plan.stages, enabled, strict=True)
            if runs and stage.stage_type in self._rules.stages
        ]
        if not kinds or len(kinds) != sum(enabled):
            return
        first, kind = kinds[0]
        if kind.takes_images and not self._plan.input_images:
            hint = "give input_images, or enable a stage before it that makes pictures"
            self._fault("plan-no-input", f"{first.id} takes pictures, and nothing before it makes some", first, hint)
        if not kind.takes_images and images:
            message = f"input_images are given, and the first stage that runs ({first.id}) makes its own"
            self._fault("plan-input-unused", message, first, "leave them out, or disable that stage")
        for stage, later in kinds[1:]:
            if not later.takes_images:
                message = f"{stage.id} makes new pictures and would throw away those of the stages before it"
                self._fault("plan-pictures-lost", message, stage, "make it the first stage, or a plan of its own")

    def _check_ambiguous(self, enabled: Sequence[bool]) -> None:
        """A group that base switches on, in a plan where another stage exists for that group alone."""
        running = [
            (stage, self._rules.stages[stage.stage_type])
            for stage, runs in zip(self._plan.stages, enabled, strict=True)
            if runs and stage.stage_type in self._rules.stages
        ]
        spellings = self._rules.spellings()
        on = {spellings.get(key, key) for key, value in self._base.values.items() if value is True}
        for stage, kind in running:
            own = {spellings.get(key, key) for key in stage.stage_config.fields}
            for group, visibility in kind.groups.items():
                if visibility.switch not in on or visibility.switch in own:
                    continue
                other = next((s for s, k in running if group in k.groups and k.groups[group].switch is None), None)
                if other is not None:
                    message = (
                        f"base_config says {visibility.switch}, and the plan has a stage of its own for {group} "
                        f"({other.id}): is {stage.id} to do it too?"
                    )
                    hint = f"say {visibility.switch}: true or false in the config of {stage.id}"
                    self._fault("plan-ambiguous-group", message, stage, hint)

    def _stage(self, stage: StageExecution, pictures: tuple[Image, ...]) -> PlannedStage:
        kind = self._rules.stages.get(stage.stage_type)
        if kind is None:
            return PlannedStage(stage, None, None)
        own = self._layer("stage_config", stage.stage_config.fields, stage)
        try:
            draw, off = self._seeds.for_stage(stage.id), self._catalog.host_words.off
            resolution = resolve(self._rules, kind, self._base, own, draw, off)
        except PlanError as problem:
            self._add(problem.findings, stage)
            return PlannedStage(stage, None, None)
        self._add(resolution.warnings, stage)
        request = _request(stage, resolution, pictures if kind.takes_images else (), self._plan.options)
        for problem_found in self._catalog.request_contracts[kind.name].problems(request.payload):
            place = ".".join(problem_found.path) if problem_found.path else "the request"
            origin = resolution.origins.get(problem_found.path[0]) if problem_found.path else None
            at = origin.at if origin is not None else stage.at
            # That there are no pictures is what the plan's order has said already.
            if pictures or problem_found.path != ("input_images",):
                message = f"{place} {problem_found.message}"
                self._findings.append(Finding("request-contract", message, at, problem_found.hint, stage=stage.id))
        prepared = None
        if self._prepare is not None and not self._findings:
            try:
                given: object = self._prepare(request)
                prepared = given if isinstance(given, PreparedRequest) else None
            except PayloadError as problem:
                self._payload_findings += _placed(problem.findings, stage)
        if prepared is not None and prepared.skipped:
            return PlannedStage(stage, None, None, tuple(_placed(prepared.warnings, stage)))
        return PlannedStage(stage, request, prepared)

    def _layer(self, name: str, values: Mapping[str, object], stage: StageExecution | None = None) -> Layer:
        """A config as a layer, its pictures as handles."""
        pictures = {
            word for word, field in self._rules.spellings().items() if "contentMediaType" in self._rules.schemas[field]
        }
        ready: dict[str, object] = {}
        for key, value in values.items():
            try:
                ready[key] = value if key in self._rules.drops else _Copy().of(value)
            except _TooLargeError as problem:
                self._fault("config-value", f"{name}: {key} {problem}", stage)
                continue
            if key in pictures and isinstance(value, (bytes, Path, str)):
                try:
                    ready[key] = as_image(value)
                except ImageError as problem:
                    self._fault(problem.code, f"{name}: {key}: {problem.message}", stage)
                    ready[key] = Image.predict(_UNKNOWN_SIZE, _UNKNOWN_SIZE)  # so that it is complained of once
        place = values.place if isinstance(values, RunConfig) else (lambda _: None)
        if isinstance(values, HostConfig):
            return Layer(name, ready, lenient=True, shared=values.shared)
        return Layer(name, ready, place)


def _request(
    stage: StageExecution, resolution: Resolution, pictures: tuple[Image, ...], options: PlanOptions
) -> GenerateImagesRequest:
    return GenerateImagesRequest(
        stage_id=stage.id,
        stage_type=stage.stage_type,
        fields={name: value for name, value in resolution.fields.items() if value is not ABSENT},
        input_images=pictures,
        groups=resolution.groups,
        origins=resolution.origins,
        on_unsupported=options.on_unsupported,
    )


def _placed(findings: Sequence[Finding], stage: StageExecution) -> Iterator[Finding]:
    """Findings of a stage; one without a place stands where the stage does."""
    yield from (finding if finding.at is not None else replace(finding, at=stage.at) for finding in findings)


def as_image(picture: Picture) -> Image:
    """A handle for what a caller gave: a handle, the bytes of a file, or a path. Raises ImageError."""
    if isinstance(picture, Image):
        return picture
    if isinstance(picture, bytes):
        return Image.from_bytes(picture)
    given: object = picture  # a caller may not have asked a type checker
    if not isinstance(given, (str, Path)):
        raise ImageError(f"{kind_of(given)} is no picture; give bytes, a path, or an Image", code="image-unreadable")
    name = str(given)
    if (
        name[:5].lower() == "data:"
        or len(name) > _MAX_NAME
        or any(len(p) > _MAX_PART for p in re.split(r"[/\\]", name))
    ):
        message = f"a text of {len(name)} characters is no file name; give base64 text as Image.from_base64(text)"
        raise ImageError(message, code="image-unreadable")
    return Image.from_file(Path(given))


class _TooLargeError(ValueError):
    """A value of a config holds too much, or itself."""


class _Copy:
    """Lists and mappings of any kind as JSON's own, so that what the caller changes later changes nothing."""

    def __init__(self) -> None:
        self._left = _MAX_VALUES

    def of(self, value: object, depth: int = _MAX_DEPTH) -> object:
        """The copy. Raises _TooLargeError."""
        self._left -= 1
        if self._left < 0:
            raise _TooLargeError(f"holds more than {_MAX_VALUES} values, or itself")
        if isinstance(value, enum.Enum) and isinstance(value, str):
            return value.value  # a word of an enumeration is that word
        if depth and isinstance(value, Mapping):
            return {key: self.of(item, depth - 1) for key, item in value.items()}
        if depth and isinstance(value, (list, tuple)):
            return [self.of(item, depth - 1) for item in value]
        return value


def _digest(plan: StageExecutionPlan, base_config: Mapping[str, object]) -> str:
    """A digest of everything that the plan says, so that a dry run draws the same values every time."""

    def plain(value: object) -> object:
        if isinstance(value, Mapping):
            return {str(key): plain(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        return value if non_json(value) is None else repr(value)

    def stages() -> Iterator[object]:
        for stage in plan.stages:
            config = stage.stage_config
            yield [stage.id, config.stage_type, config.enabled, plain(config.fields)]

    return hashlib.sha256(canonical([plain(base_config), list(stages())]).encode()).hexdigest()
