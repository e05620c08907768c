"""One plan in each of the shapes in which hosts hold theirs: objects of classes that this engine has never seen."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, make_dataclass
from types import SimpleNamespace
from typing import Any

from engine import StageExecutionPlan

__all__ = ["SHAPES", "StageType", "as_object", "models", "sequencer", "specification"]


class StageType(str, enum.Enum):  # noqa: UP042 - as hosts write it
    TXT2IMG = "txt2img"
    IMG2IMG = "img2img"
    UPSCALE = "upscale"
    HIRES = "hires"
    ADETAILER = "adetailer"


#: The words that hosts keep in a stage's metadata, or flat beside its config.
METADATA = ("refiner_enabled", "refiner_model_name", "refiner_switch_at", "refiner_switch_step", "hires_enabled")
METADATA += ("hires_upscale_factor", "hires_scale_factor", "hires_upscaler_name", "hires_denoise")
METADATA += ("hires_denoise_strength", "hires_steps")


def as_object(values: Mapping[str, Any], name: str = "Config") -> Any:
    """A frozen dataclass with these fields."""
    return make_dataclass(name, list(values), frozen=True)(**values)


def _parts(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    beside = {key: value for key, value in fields.items() if key in METADATA and value is not None}
    return {key: value for key, value in fields.items() if key not in beside}, beside


# -- A: the sequencer ----------------------------------------------------------------------------------------------


@dataclass
class Metadata:
    refiner_enabled: Any = None
    refiner_model_name: Any = None
    refiner_switch_at: Any = None
    refiner_switch_step: Any = None
    hires_enabled: Any = None
    hires_upscale_factor: Any = None
    hires_scale_factor: Any = None
    hires_upscaler_name: Any = None
    hires_denoise: Any = None
    hires_denoise_strength: Any = None
    hires_steps: Any = None
    stage_flags: dict[str, bool] = field(default_factory=dict)


@dataclass
class SequencerConfig:
    enabled: Any
    payload: dict[str, Any]
    metadata: Any


@dataclass
class SequencerStage:
    stage_type: str
    config: SequencerConfig
    order_index: int
    requires_input_image: bool = False
    produces_output_image: bool = True
    learning_mode: Any = None
    variant_index: int | None = 0


class SequencerPlan:
    """Not a dataclass, and with a property."""

    def __init__(self, stages: list[Any], plan: StageExecutionPlan) -> None:
        self._stages = stages
        self.run_id = plan.run_id
        self.one_click_action = "go"
        self.input_images = list(plan.input_images)
        self.options = plan.options

    @property
    def stages(self) -> list[Any]:
        return self._stages

    def describe(self) -> str:
        raise AssertionError("nobody calls a method of a plan")


def sequencer(plan: StageExecutionPlan) -> Any:
    stages = []
    for index, stage in enumerate(plan.stages):
        payload, beside = _parts(stage.stage_config.fields)
        flags = {f"{stage.stage_type}_enabled": stage.stage_config.enabled is not False}
        flags = {} if stage.stage_type == "hires" else flags
        metadata: Any = Metadata(**beside, stage_flags=flags)
        if index % 2:  # "sometimes a plain dict"
            metadata = {**beside, "stage_flags": flags}
        config = SequencerConfig(stage.stage_config.enabled, payload, metadata)
        stages.append(SequencerStage(stage.stage_type, config, index))
    return SequencerPlan(stages, plan)


# -- B: the models -------------------------------------------------------------------------------------------------


class ModelsPlan:
    """Iterable, with a length, and slots."""

    __slots__ = ("_stages", "input_images", "one_click_action", "options", "run_id")

    def __init__(self, stages: tuple[Any, ...], plan: StageExecutionPlan) -> None:
        self._stages, self.run_id, self.one_click_action = stages, plan.run_id, None
        self.input_images, self.options = plan.input_images, plan.options

    def __iter__(self) -> Iterator[Any]:
        return iter(self._stages)

    def __len__(self) -> int:
        return len(self._stages)


def models(plan: StageExecutionPlan) -> Any:
    stages = []
    for index, stage in enumerate(plan.stages):
        config, beside = _parts(stage.stage_config.fields)
        flat = {"stage_type": StageType(stage.stage_type), "config": config, **beside}
        flat |= {"enabled": stage.stage_config.enabled, "order_index": index, "variant_index": None}
        stages.append(SimpleNamespace(**flat))
    return ModelsPlan(tuple(stages), plan)


# -- C: the specification ------------------------------------------------------------------------------------------


def specification(plan: StageExecutionPlan) -> Any:
    stages = []
    for index, stage in enumerate(plan.stages):
        fields = {"stage_type": StageType(stage.stage_type), "enabled": stage.stage_config.enabled}
        for kind in ("txt2img", "img2img", "upscale", "adetailer"):
            fields[f"{kind}_enabled"] = kind == stage.stage_type and stage.stage_config.enabled is not False
        given = {**fields, **stage.stage_config.fields}
        # An object cannot say null, so that a config which does is a mapping.
        config = given if None in stage.stage_config.fields.values() else as_object(given, "StageConfig")
        stages.append(SimpleNamespace(id=f"{index + 1}-{stage.stage_type}", stage_config=config))
    return SimpleNamespace(stages=stages, run_id=plan.run_id, input_images=plan.input_images, options=plan.options)


SHAPES = {"sequencer": sequencer, "models": models, "specification": specification}
