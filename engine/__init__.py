"""stage-engine: runs multi-stage image-generation plans against Stable Diffusion servers.

    from pathlib import Path
    from engine import ApiClient, PipelineRunner, RunConfig, StageConfig, StageExecution, StageExecutionPlan

    plan = StageExecutionPlan((StageExecution("first", StageConfig("txt2img")),))
    with ApiClient("http://127.0.0.1:7860", backend="a1111") as client:
        result = PipelineRunner(client).run_pipeline(plan, RunConfig(prompt="a lighthouse at dusk"))
    result.raise_for_status().images[0].save(Path("lighthouse.png"))

Every name in `__all__` is public. They are loaded when they are first used, so that importing this package costs
neither a network library nor a look at the disk.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.backends.catalog import Catalog
    from engine.backends.names import Names, load_names
    from engine.backends.server import ServerDescription
    from engine.cancel import Cancellable, CancelToken
    from engine.client import ApiClient, PreparedRequest
    from engine.client_for_host import ClientForHost, HostError, HostOutcome, HostResult
    from engine.errors import (
        AnswerError,
        BackendError,
        BackendRefusedError,
        BackendTimeoutError,
        BackendUnreachableError,
        Finding,
        HttpStatusError,
        ImageError,
        JobError,
        PayloadError,
        PlanError,
        Position,
        RunIncompleteError,
        StageEngineError,
        TableError,
        VerificationError,
    )
    from engine.events import Event, Listener, Progress
    from engine.host_client import HostClient, TheirClient
    from engine.host_events import HostStageEvent, HostStageEvents
    from engine.host_plans import AnyPlan, HasStages
    from engine.images import Image
    from engine.plan import PlanOptions, RunConfig, StageConfig, StageExecution, StageExecutionPlan
    from engine.plan_files import PlanFile, load_plan
    from engine.planning import PlannedRun, PlannedStage
    from engine.request import GenerateImagesRequest
    from engine.results import GenerateResult, PipelineResult, StageResult
    from engine.runner import Client, PipelineRunner

__version__ = "0.1.0"

_HOMES = {
    "backends.catalog": ("Catalog",),
    "backends.names": ("Names", "load_names"),
    "backends.server": ("ServerDescription",),
    "cancel": ("CancelToken", "Cancellable"),
    "client": ("ApiClient", "PreparedRequest"),
    "errors": (
        "AnswerError",
        "BackendError",
        "BackendRefusedError",
        "BackendTimeoutError",
        "BackendUnreachableError",
        "Finding",
        "HttpStatusError",
        "ImageError",
        "JobError",
        "PayloadError",
        "PlanError",
        "Position",
        "RunIncompleteError",
        "StageEngineError",
        "TableError",
        "VerificationError",
    ),
    "events": ("Event", "Listener", "Progress"),
    "client_for_host": ("ClientForHost", "HostError", "HostOutcome", "HostResult"),
    "host_client": ("HostClient", "TheirClient"),
    "host_events": ("HostStageEvent", "HostStageEvents"),
    "host_plans": ("AnyPlan", "HasStages"),
    "images": ("Image",),
    "plan": ("PlanOptions", "RunConfig", "StageConfig", "StageExecution", "StageExecutionPlan"),
    "plan_files": ("PlanFile", "load_plan"),
    "planning": ("PlannedRun", "PlannedStage"),
    "request": ("GenerateImagesRequest",),
    "results": ("GenerateResult", "PipelineResult", "StageResult"),
    "runner": ("Client", "PipelineRunner"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "AnswerError",
    "AnyPlan",
    "ApiClient",
    "BackendError",
    "BackendRefusedError",
    "BackendTimeoutError",
    "BackendUnreachableError",
    "CancelToken",
    "Cancellable",
    "Catalog",
    "Client",
    "ClientForHost",
    "Event",
    "Finding",
    "GenerateImagesRequest",
    "GenerateResult",
    "HasStages",
    "HostClient",
    "HostError",
    "HostOutcome",
    "HostResult",
    "HostStageEvent",
    "HostStageEvents",
    "HttpStatusError",
    "Image",
    "ImageError",
    "JobError",
    "Listener",
    "Names",
    "PayloadError",
    "PipelineResult",
    "PipelineRunner",
    "PlanError",
    "PlanFile",
    "PlanOptions",
    "PlannedRun",
    "PlannedStage",
    "Position",
    "PreparedRequest",
    "Progress",
    "RunConfig",
    "RunIncompleteError",
    "ServerDescription",
    "StageConfig",
    "StageEngineError",
    "StageExecution",
    "StageExecutionPlan",
    "StageResult",
    "TableError",
    "TheirClient",
    "VerificationError",
    "__version__",
    "load_names",
    "load_plan",
]

# A library is silent until its host says otherwise.
logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
