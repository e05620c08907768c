"""`--set stage.field=value`: values of the command line, put over what a plan says.

The text of a value means what the field's schema says that it is. Whether the value is in order is judged by the
engine, as that of any other: a setting is a config's key that was written at `--set stage.field` and not in a file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import typer

from engine.documents import parse_json, parse_yaml
from engine.errors import Finding, ImageError, PlanError, Position, TableError, did_you_mean
from engine.images import Image
from engine.plan import RunConfig, StageExecution, StageExecutionPlan
from engine.plan_files import PlanFile
from engine.rules.request import RequestRules
from engine.values import Json

__all__ = ["Setting", "overruled", "read_settings", "with_settings", "without"]

#: Before the point, what stands for the base config. A stage of that name goes before it.
_BASE: Final = ("base", "base_config")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that was set. `stages`: the ids of the stages that it is for; None is the base config."""

    stages: frozenset[str] | None
    word: str
    value: object
    at: Position


def read_settings(texts: Sequence[str], plan: StageExecutionPlan, rules: RequestRules) -> list[Setting]:
    """What the texts after `--set` say for this plan.

    Raises typer.BadParameter where a text or a stage is none, PlanError with every value that cannot be read.
    """
    settings, findings = [], list[Finding]()
    for text in texts:
        key, sign, value = text.partition("=")
        if not sign or not key:
            message = f"{text!r} says no value: write field=value or stage.field=value."
            raise typer.BadParameter(message, param_hint="--set")
        stages, word = _target(key, plan.stages)
        at = Position.of_option(f"--set {key}")
        schema = rules.schemas.get(rules.spellings().get(word, ""), {})
        try:
            settings.append(Setting(stages, word, _value(value, schema), at))
        except (TableError, ImageError) as problem:
            findings += (replace(finding, at=at) for finding in problem.findings)
    if findings:
        raise PlanError(findings)
    return settings


def with_settings(file: PlanFile, settings: Iterable[Setting], rules: RequestRules) -> PlanFile:
    """The plan with these values in it. What it said in another spelling of the same field is taken out."""
    spellings = rules.spellings()
    for setting in settings:
        if setting.stages is None:
            file = replace(file, base_config=_put(file.base_config, setting, spellings))
        else:
            stages = tuple(_stage(stage, setting, spellings) for stage in file.plan.stages)
            file = replace(file, plan=replace(file.plan, stages=stages))
    return file


def overruled(file: PlanFile, settings: Iterable[Setting], rules: RequestRules) -> Iterator[str]:
    """A sentence for each stage whose own config goes over a value that was set for all of them."""
    spellings = rules.spellings()
    for setting in settings:
        name = spellings.get(setting.word)
        if setting.stages is not None or name is None:
            continue
        for stage in file.plan.stages:
            own = [key for key in stage.stage_config.fields if spellings.get(key) == name]
            if own and stage.stage_config.enabled is not False:
                yield f"{setting.at} does not reach {stage.id}, which has its own: --set {stage.id}.{own[0]}=…"


def _target(key: str, stages: Sequence[StageExecution]) -> tuple[frozenset[str] | None, str]:
    """The stages that a key is for, and the field's word. A stage's id may hold points; a field's word holds none."""
    named = max((stage.id for stage in stages if key.startswith(f"{stage.id}.")), key=len, default=None)
    if named is not None:
        return frozenset({named}), key[len(named) + 1 :]
    head, point, word = key.partition(".")
    if not point:
        return None, key
    of_type = frozenset(stage.id for stage in stages if stage.stage_type == head)
    if of_type:
        return of_type, word
    if head in _BASE:
        return None, word
    known: Collection[str] = list(dict.fromkeys((*(s.id for s in stages), *(s.stage_type for s in stages), _BASE[0])))
    near = did_you_mean(head, known)
    ways = f"there are: {', '.join(known)}" if near is None else near
    raise typer.BadParameter(f"the plan has no stage {head!r}; {ways}", param_hint=f"--set {key}")


def _value(text: str, schema: Mapping[str, Json]) -> object:
    """The value that a text means for a field. Raises TableError for a list or mapping that is no YAML, ImageError."""
    if text == "null":
        return None
    if "contentMediaType" in schema:
        return Image.from_file(Path(text))
    kinds = schema.get("type", "string")
    if "string" in (kinds if isinstance(kinds, list) else [kinds]):
        # The one text that is written otherwise than it is: the word null.
        return "null" if text == '"null"' else text
    # An empty text is no number, and the engine says so.
    return _data(text) if text.strip() else text


def _data(text: str) -> Json:
    """JSON as programs write it, or YAML as people do: JSON's escapes are not all YAML's."""
    try:
        return parse_json(text, "--set").value
    except TableError:
        return parse_yaml(text, "--set").value


def _stage(stage: StageExecution, setting: Setting, spellings: Mapping[str, str]) -> StageExecution:
    if setting.stages is None or stage.id not in setting.stages:
        return stage
    config = stage.stage_config
    return replace(stage, stage_config=replace(config, fields=_put(config.fields, setting, spellings)))


def _put(config: Mapping[str, object], setting: Setting, spellings: Mapping[str, str]) -> RunConfig:
    name = spellings.get(setting.word, setting.word)
    changed = without(config, (key for key in config if spellings.get(key, key) == name))
    places = {key: at for key in changed if (at := changed.place(key)) is not None}
    return RunConfig.placed({**changed, setting.word: setting.value}, {**places, setting.word: setting.at})


def without(config: Mapping[str, object], keys: Iterable[str]) -> RunConfig:
    """The config without these keys; the others keep their places."""
    gone = frozenset(keys)
    values = {key: value for key, value in config.items() if key not in gone}
    places = {key: config.place(key) for key in values} if isinstance(config, RunConfig) else {}
    return RunConfig.placed(values, {key: at for key, at in places.items() if at is not None})
