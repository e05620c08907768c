"""What the tests of payloads share: configs and pictures in, the request and the wire bodies out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.backends.build import Call, prepare
from engine.backends.catalog import Backend
from engine.images import Image
from engine.plan import PlanOptions, StageConfig, StageExecution, StageExecutionPlan
from engine.planning import plan_run
from engine.request import GenerateImagesRequest
from engine.testing import TablesUnderTest
from tests.payloads.pictures import picture

__all__ = ["BACKENDS", "CASES", "CATALOG", "TABLES", "Maker", "planned"]

#: This project's own folder, under test as anybody's would be.
TABLES = TablesUnderTest(Path(__file__).resolve().parents[2], picture)

CASES = TABLES.path / "cases"

CATALOG = TABLES.catalog

#: Every back end that there is, by its name.
BACKENDS: Mapping[str, Backend] = {name: CATALOG.backend(name) for name in CATALOG.names()}

#: What a stage type cannot do without; it stands in base, where anything may go over it.
NEEDED: Mapping[str, Mapping[str, object]] = {
    "upscale": {"upscaler_name": "Lanczos"},
    "adetailer": {"adetailer_model": "face_yolov8n.pt"},
}


def planned(
    stage: str,
    own: Mapping[str, object] | None = None,
    base: Mapping[str, object] | None = None,
    *sizes: tuple[int, int],
) -> GenerateImagesRequest:
    """The request of a plan of this one stage, with pictures of these sizes. Seeds of -1 stay as they are."""
    images: tuple[Image, ...] = ()
    if CATALOG.rules.stages[stage].takes_images:
        images = tuple(picture(*size, f"input {index}") for index, size in enumerate(sizes if sizes else ((64, 64),)))
    config = StageConfig(stage, {} if own is None else own)
    plan = StageExecutionPlan((StageExecution("one", config),), images, PlanOptions(seed="server"), run_id="test")
    (only,) = plan_run(plan, {**NEEDED.get(stage, {}), **({} if base is None else base)}, CATALOG).stages
    assert only.request is not None
    return only.request


class Maker:
    """Makes one back end's calls and bodies from configs."""

    def __init__(self, backend: str) -> None:
        self.backend = BACKENDS[backend]

    def calls(
        self,
        stage: str,
        own: Mapping[str, object] | None = None,
        base: Mapping[str, object] | None = None,
        *sizes: tuple[int, int],
    ) -> tuple[Call, ...]:
        return prepare(self.backend, planned(stage, own, base, *sizes))

    def bodies(
        self,
        stage: str,
        own: Mapping[str, object] | None = None,
        base: Mapping[str, object] | None = None,
        *sizes: tuple[int, int],
    ) -> list[dict[str, Any]]:
        return [dict(call.body) for call in self.calls(stage, own, base, *sizes)]

    def body(
        self,
        stage: str,
        own: Mapping[str, object] | None = None,
        base: Mapping[str, object] | None = None,
        *sizes: tuple[int, int],
    ) -> dict[str, Any]:
        (only,) = self.bodies(stage, own, base, *sizes)
        return only
