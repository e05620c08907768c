"""What a host hands in: a plan of stages and the configs, as plain immutable data.

Which fields a config may hold is no business of this module (mappings/request.yaml says it); it knows that a plan
is an ordered list of stages, and that a stage has an id, a type, its own config and a word on whether it runs.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from engine.errors import Position
from engine.images import Image

__all__ = ["HostConfig", "Picture", "PlanOptions", "RunConfig", "StageConfig", "StageExecution", "StageExecutionPlan"]

#: What a caller may give as a picture: a handle, the bytes of a file, or where the file lies.
Picture: TypeAlias = Image | bytes | Path | str


class RunConfig(Mapping[str, object]):
    """The base config that all stages share: fields by the specification's names or their aliases.

    `RunConfig(prompt="a lighthouse", steps=20)`, or made from a mapping. Immutable; a field that is None takes
    back what lies below it. `place` tells where a key was written, if the config came from a file.
    """

    def __init__(self, values: Mapping[str, object] | None = None, /, **fields: object) -> None:
        """Take a mapping, fields by name, or both; a field that is named wins."""
        self._values: dict[str, object] = {**({} if values is None else values), **fields}
        self._places: Mapping[str, Position] = {}

    @classmethod
    def placed(cls, values: Mapping[str, object], places: Mapping[str, Position]) -> RunConfig:
        """A config whose keys are known to stand at these places in a file."""
        config = cls(values)
        config._places = dict(places)
        return config

    def place(self, key: str) -> Position | None:
        """Where a key was written, or None."""
        return self._places.get(key)

    def __getitem__(self, key: str) -> object:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"RunConfig({', '.join(self._values)})"


class HostConfig(RunConfig):
    """A config that was read from a host's objects: a word that means nothing is warned of, not refused.

    `shared`: the words that the host writes alike for stages of every type; what a type does not have is left out.
    """

    def __init__(self, values: Mapping[str, object], /, *, shared: frozenset[str] = frozenset()) -> None:
        """Take a mapping, and those of its words that are shared."""
        super().__init__(values)
        self.shared = shared


@dataclass(frozen=True, slots=True)
class StageConfig:
    """One stage's own config. `enabled`: True or False decides; None leaves it to the stage's toggle, else it runs."""

    stage_type: str
    fields: Mapping[str, object] = field(default_factory=RunConfig)
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class StageExecution:
    """One stage of a plan. `id` names it in results, files and messages; `at` is where it was written, if it was."""

    id: str
    stage_config: StageConfig
    at: Position | None = None

    @property
    def stage_type(self) -> str:
        """The type of the stage: txt2img, img2img, upscale, hires, adetailer, or one that a folder adds."""
        return self.stage_config.stage_type


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How a plan is run.

    `seed`: who draws a seed of -1: the runner (the run can be repeated) or the server. `on_unsupported`: whether a plan
    that asks for what the back end cannot do is refused, or runs without it and says so in the result's warnings.
    `strict`: whether a stage fails where its answer tells that the server did otherwise than it was asked; else that is
    a warning.
    """

    seed: Literal["runner", "server"] = "runner"
    on_unsupported: Literal["refuse", "warn"] = "refuse"
    strict: bool = False


@dataclass(frozen=True, slots=True)
class StageExecutionPlan:
    """Stages in the order in which they run, and the pictures that feed the first that takes some."""

    stages: tuple[StageExecution, ...]
    input_images: tuple[Picture, ...] = ()
    options: PlanOptions = field(default_factory=PlanOptions)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
