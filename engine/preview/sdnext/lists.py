"""The lists and states that SD.Next answers GET requests with.

This module knows their shapes (recorded), and nothing about requests.
"""

from __future__ import annotations

from typing import cast

from engine.preview.models import MODELS
from engine.preview.sdnext.catalog import DETECTORS, HEADINGS, SAMPLERS, UPSCALERS
from engine.values import Json

__all__ = [
    "broken_schedulers",
    "checkpoint",
    "detectors_list",
    "models_list",
    "progress",
    "samplers_list",
    "status",
    "upscalers_list",
]


def models_list() -> list[Json]:
    """GET sd-models."""
    return [
        {
            "title": file.removesuffix(".safetensors"),
            "model_name": file.removesuffix(".safetensors"),
            "filename": f"/preview/models/Stable-diffusion/{file}",
            "type": "safetensors",
            "sha256": None,
            "hash": None,
            "config": None,
        }
        for file in MODELS
    ]


def samplers_list() -> list[Json]:
    """GET samplers."""
    return [{"name": name, "options": {}} for name in SAMPLERS]


def upscalers_list() -> list[Json]:
    """GET upscalers."""
    return [
        {"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4.0} for name in UPSCALERS
    ]


def detectors_list() -> list[Json]:
    """GET detailers, and GET face-restorers, which is the same there."""
    return [{"name": name, "path": f"/preview/models/yolo/{name}.pt"} for name in DETECTORS]


def broken_schedulers() -> dict[str, Json]:
    """GET schedulers: a 500 always, since the server's own list does not meet its own schema."""
    names = (*HEADINGS[:-1], *SAMPLERS, HEADINGS[-1])
    wrong = [k for k, name in enumerate(names) if name in HEADINGS]
    listed: list[Json] = [
        {"name": name, "cls": None if name in HEADINGS else "<lambda>", "options": {}} for name in names
    ]
    told = "".join(
        f"\n  {{'type': 'string_type', 'loc': ('response', {k}, 'cls'), 'msg': 'Input should be a valid string', "
        "'input': None}"
        for k in wrong
    )
    text = f"{len(wrong)} validation errors:{told}\n"
    return {"error": "ResponseValidationError", "code": 500, "detail": "", "body": listed, "errors": text}


def checkpoint(title: Json) -> dict[str, Json]:
    """GET checkpoint: what is loaded, if anything is."""
    if not isinstance(title, str) or not title:
        return {"type": None, "class": None}
    named: dict[str, Json] = {"checkpoint": f"models/{title}", "title": title, "name": title}
    return {"type": "sd", "class": "StableDiffusionPipeline", **named, "filename": f"models/{title}", "hash": None}


def progress(told: dict[str, Json], job: str) -> dict[str, Json]:
    """GET progress, from how far the current job is. `job` is its id, "" at rest."""
    state = {k: v for k, v in cast("dict[str, Json]", told["state"]).items() if k != "stopping_generation"}
    return {"id": job, **told, "state": state}


def status(told: dict[str, Json], job: str) -> dict[str, Json]:
    """GET status: the same in other words."""
    state = cast("dict[str, Json]", told["state"])
    idle = "interrupted" if state["interrupted"] is True else "skipped" if state["skipped"] is True else "idle"
    return {
        "status": "running" if job else idle,
        "task": state["job"],
        "timestamp": state["job_timestamp"] if job else None,
        "current": "",
        "id": job,
        "job": state["job_no"],
        "jobs": state["job_count"],
        "total": 0,
        "step": state["sampling_step"],
        "steps": state["sampling_steps"],
        "queued": 0,
        "uptime": 0,
        "elapsed": 0.0,
        "eta": told["eta_relative"] if job else None,
        "progress": told["progress"],
    }
