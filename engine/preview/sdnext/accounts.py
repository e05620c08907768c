"""What SD.Next says about a task: `info`, and infotexts with the operations that really ran.

This module knows every key of `info` and the order of an infotext's pairs (2026-07, recorded). It resolves nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.preview.sdapi.infotext import join_pairs
from engine.preview.sdapi.jobs import JOB_TIMESTAMP
from engine.preview.sdnext.catalog import VERSION
from engine.preview.sdnext.tasks import RESIZE_MODES, Task
from engine.values import Json

__all__ = ["DETECTIONS", "info_of", "infotext_of"]

#: The infotext of the picture that shows what detectors found.
DETECTIONS = "Detailer annotations"


def infotext_of(task: Task, index: int, init: tuple[str, str] | None = None) -> str:
    """The infotext of the picture with this number. `init`: size and hash of the picture that came in."""
    fields = task.fields
    steps, cfg = fields.integer("steps"), fields.number("cfg_scale")
    batch, rounds = fields.integer("batch_size"), fields.integer("n_iter")
    many = batch * rounds > 1
    pairs: dict[str, Json] = {
        "Steps": steps if steps >= 0 else None,
        "Size": f"{task.size[0]}x{task.size[1]}",
        "Sampler": None if task.sampler == "Default" else task.sampler,
        "Scheduler": task.scheduler,
        "Seed": task.seeds[index],
        "CFG scale": cfg if cfg > 0 else None,
        "CFG rescale": fields.number("cfg_rescale"),
        "CLiP-skip": fields.integer("clip_skip") if fields.integer("clip_skip") > 1 else None,
        "Batch": f"{rounds}x{batch}" if many else None,
        "Refiner prompt": _given(fields.text("refiner_prompt")),
        "Refiner negative": _given(fields.text("refiner_negative")),
        "Styles": ", ".join(map(str, fields.items("styles")))
        if fields.has("styles") and fields.items("styles")
        else None,
        "App": "SD.Next",
        "Version": VERSION,
        "Pipeline": _pipeline(task),
        "Operations": "; ".join(_operations(task)),
        "Model": task.model,
        "Sampler sigma": fields.values["schedulers_sigma"],
        "Index": f"{index // batch + 1}x{index % batch + 1}" if many else None,
        **_second_part(task),
        **_input(task, init),
        **_details(task),
    }
    prompt, negative = fields.text("prompt"), fields.text("negative_prompt")
    templates = f"Template: {prompt}\n" if prompt else ""
    templates += f"Negative template: {negative}\n" if negative else ""
    return f"{prompt}\nNegative prompt: {negative}\n{templates}{join_pairs(pairs)}".strip()


def info_of(task: Task, infotexts: Sequence[str]) -> dict[str, Json]:
    """The `info` object."""
    fields, count = task.fields, len(task.seeds)
    return {
        "prompt": fields.text("prompt"),
        "all_prompts": [fields.text("prompt")] * count,
        "negative_prompt": fields.text("negative_prompt"),
        "all_negative_prompts": [fields.text("negative_prompt")] * count,
        "seed": task.seeds[0],
        "all_seeds": list(task.seeds),
        "subseed": task.subseeds[0],
        "all_subseeds": list(task.subseeds),
        "subseed_strength": fields.values["subseed_strength"],
        "width": task.size[0],
        "height": task.size[1],
        "sampler_name": task.sampler,
        "cfg_scale": fields.values["cfg_scale"] if fields.number("cfg_scale") > 0 else None,
        "cfg_end": None,
        "steps": fields.values["steps"],
        "batch_size": fields.integer("batch_size"),
        "detailer": task.detailing is not None,
        "detailer_model": None if task.detailing is None else "Detailer",
        "sd_model_hash": None,
        "seed_resize_from_w": fields.values["seed_resize_from_w"],
        "seed_resize_from_h": fields.values["seed_resize_from_h"],
        "denoising_strength": task.echoed["denoising_strength"],
        "extra_generation_params": {},
        "index_of_first_image": 0,
        "infotexts": list(infotexts),
        "styles": fields.items("styles") if fields.has("styles") else [],
        "job_timestamp": JOB_TIMESTAMP,
        "clip_skip": fields.values["clip_skip"],
    }


def _operations(task: Task) -> list[str]:
    hires, names = task.hires, []
    if task.refiner is not None:
        names.append("refine")
        if hires is None and task.kind == "txt2img":
            names.append("img2img")
    if hires is not None and hires.resizes:
        names.append("upscale")
    if task.detailing is not None:
        names.append("detailer")
    if hires is not None and hires.samples:
        names.append("hires")
    return [*names, "inpaint" if _inpaints(task) else task.kind]


def _pipeline(task: Task) -> str:
    if task.detailing is not None or _inpaints(task):
        return "StableDiffusionInpaintPipeline"
    too_strong = task.fields.number("denoising_strength") > 1
    plain = task.kind == "txt2img" or too_strong
    return "StableDiffusionPipeline" if plain else "StableDiffusionImg2ImgPipeline"


def _inpaints(task: Task) -> bool:
    return task.kind == "img2img" and task.fields.has("mask")


def _second_part(task: Task) -> dict[str, Json]:
    hires, refiner, fields = task.hires, task.refiner, task.fields
    told: dict[str, Json] = {}
    if hires is None and refiner is None:
        return told
    told["Refine"] = True
    told_refiner: dict[str, Json] = {}
    if refiner is not None:
        told_refiner = {"Refiner": refiner.name, "Refiner steps": refiner.steps, "Refiner start": refiner.start}
    if hires is None:
        return {
            **told,
            **told_refiner,
            "Hires steps": fields.integer("hr_second_pass_steps"),
            "Hires sampler": task.sampler,
        }
    if hires.resizes:
        fixed = fields.integer("hr_resize_x") > 0 and fields.integer("hr_resize_y") > 0
        size = f"{hires.told_size[0]}x{hires.told_size[1]}"
        told["HiRes mode"] = fields.integer("hr_resize_mode")
        told["HiRes context"] = fields.text("hr_resize_context") if fields.integer("hr_resize_mode") == 5 else None
        told["Hires upscaler"] = fields.text("hr_upscaler")
        told["Hires fixed" if fixed else "Hires scale"] = size if fixed else fields.number("hr_scale")
        told["Hires size"] = size
    if hires.samples:
        told["Hires force"] = True
        told["Hires steps"] = hires.steps
        told["Hires strength"] = hires.told_strength
        told["Hires sampler"] = hires.sampler
    return {**told, **told_refiner}


def _input(task: Task, init: tuple[str, str] | None) -> dict[str, Json]:
    if task.kind != "img2img" or init is None or task.hires is not None:
        return {}
    mode = RESIZE_MODES.get(task.fields.integer("resize_mode"))
    return {
        "Init image size": init[0],
        "Init image hash": init[1],
        "Denoising strength": task.fields.number("denoising_strength"),
        "Resize mode": None if mode is None else mode[1],
    }


def _details(task: Task) -> dict[str, Json]:
    detailing = task.detailing
    if detailing is None:
        return {}
    return {
        "Detailer": ", ".join(detailing.models),
        "Detailer steps": detailing.steps,
        "Detailer strength": detailing.strength,
        "Detailer resolution": detailing.resolution if detailing.resolution != 1024 else None,
        "Detailer prompt": _given(detailing.prompt),
    }


def _given(text: str) -> str | None:
    return text if text else None
