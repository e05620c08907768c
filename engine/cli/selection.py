"""`--stages draw,polish..face`: a part of a plan, by the ids and types of its stages.

Plans in, plans out: what is not named is switched off, and nothing else is changed. Whether the part that is left
can run, with the pictures that it has, is judged by the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import typer

from engine.cli.settings import without
from engine.errors import did_you_mean
from engine.plan import StageExecution, StageExecutionPlan
from engine.rules.request import RequestRules

__all__ = ["with_stages"]

_OPTION = "--stages"


def with_stages(plan: StageExecutionPlan, text: str, rules: RequestRules) -> StageExecutionPlan:
    """The plan with only these stages on.

    `text`: ids, types (every stage of the type) and ranges `from..to`, with commas between; an end that is left out
    is the plan's own. A stage that is named by its id runs, also where the plan switches it off; types and ranges
    leave such stages off. Raises typer.BadParameter for what the plan does not have.
    """
    named: set[int] = set()
    reached: set[int] = set()
    for part in (part.strip() for part in text.split(",")):
        places = [index for index, stage in enumerate(plan.stages) if stage.id == part]
        if places:
            named.update(places)
        elif ".." in part:
            reached.update(_range(part, plan.stages))
        else:
            reached.update(_places(part, plan.stages))
    stages = []
    for index, stage in enumerate(plan.stages):
        if index in named:
            stages.append(_switched(stage, rules, on=True))
        else:
            stages.append(stage if index in reached else _switched(stage, rules, on=False))
    return replace(plan, stages=tuple(stages))


def _range(part: str, stages: Sequence[StageExecution]) -> range:
    first, _, last = part.partition("..")
    begin = min(_places(first, stages)) if first else 0
    end = max(_places(last, stages)) if last else len(stages) - 1
    if begin > end:
        message = f"{part!r} holds nothing: in the plan, {first} comes after {last}."
        raise typer.BadParameter(message, param_hint=_OPTION)
    return range(begin, end + 1)


def _places(word: str, stages: Sequence[StageExecution]) -> list[int]:
    """Where the stage of this id stands, else every stage of this type."""
    places = [index for index, stage in enumerate(stages) if stage.id == word]
    places = places or [index for index, stage in enumerate(stages) if stage.stage_type == word]
    if not places:
        known = list(dict.fromkeys((*(stage.id for stage in stages), *(stage.stage_type for stage in stages))))
        near = did_you_mean(word, known)
        ways = f"there are: {', '.join(known)}" if near is None else near
        raise typer.BadParameter(f"the plan has no stage {word!r}; {ways}", param_hint=_OPTION)
    return places


def _switched(stage: StageExecution, rules: RequestRules, *, on: bool) -> StageExecution:
    """The stage, on or off; its own toggle is taken out, since it may say the opposite."""
    kind = rules.stages.get(stage.stage_type)
    config = stage.stage_config
    fields = config.fields if kind is None or kind.toggle is None else without(config.fields, [kind.toggle])
    return replace(stage, stage_config=replace(config, fields=fields, enabled=on))
