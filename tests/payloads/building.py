"""What the tests of payloads share: configs and pictures in, the request and the wire bodies out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.backends.build import Call, prepare
from engine.backends.catalog import Catalog
from engine.images import Image
from engine.plan import PlanOptions, StageConfig, StageExecution, StageExecutionPlan
from engine.planning import plan_run
from engine.request import GenerateImagesRequest
from tests.payloads.pictures import picture

__all__ = ["BACKEND", "CATALOG", "bodies", "body", "calls", "planned"]

CATALOG = Catalog()
BACKEND = CATALOG.backend("a1111")

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


def calls(
    stage: str,
    own: Mapping[str, object] | None = None,
    base: Mapping[str, object] | None = None,
    *sizes: tuple[int, int],
) -> tuple[Call, ...]:
    return prepare(BACKEND, planned(stage, own, base, *sizes))


def bodies(
    stage: str,
    own: Mapping[str, object] | None = None,
    base: Mapping[str, object] | None = None,
    *sizes: tuple[int, int],
) -> list[dict[str, Any]]:
    return [dict(call.body) for call in calls(stage, own, base, *sizes)]


def body(
    stage: str,
    own: Mapping[str, object] | None = None,
    base: Mapping[str, object] | None = None,
    *sizes: tuple[int, int],
) -> dict[str, Any]:
    (only,) = bodies(stage, own, base, *sizes)
    return only
