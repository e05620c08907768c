"""What `info` and infotexts say about a task: the server's own account of what it did.

This module knows every key of `info`, the order of an infotext's pairs, and the words for hires, masks and detail
units (A1111 1.10.1, recorded). It resolves nothing and draws nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from engine.preview.sdapi.bodies import Fields
from engine.preview.sdapi.catalog import VERSION
from engine.preview.sdapi.detailer import describe_units
from engine.preview.sdapi.infotext import compose
from engine.preview.sdapi.jobs import JOB_TIMESTAMP
from engine.preview.sdapi.tasks import Hires, Task
from engine.values import Json

__all__ = ["info_of", "infotext_of"]


def extra_parameters(task: Task) -> dict[str, Json]:
    """`extra_generation_params`."""
    told: dict[str, Json] = {}
    if task.hires is not None or task.kind == "img2img":
        told["Denoising strength"] = task.fields.values["denoising_strength"]
    if task.hires is not None:
        told.update(_describe_hires(task.fields, task.hires))
    if task.kind == "img2img" and task.fields.has("mask"):
        told.update(_describe_mask(task.fields))
    if task.scheduler != "Automatic":
        told["Schedule type"] = task.scheduler
    for key, name in (("Eta", "eta"), ("Sigma churn", "s_churn"), ("Sigma noise", "s_noise")):
        if task.fields.has(name):
            told[key] = task.fields.values[name]
    if task.refiner is not None:
        told["Refiner"] = task.refiner.label
        told["Refiner switch at"] = task.fields.values["refiner_switch_at"]
    return {**told, **describe_units(task.detailing.units)}


def infotext_of(task: Task, index: int) -> str:
    """The infotext of the picture with this number."""
    extra, fields, shown = extra_parameters(task), task.fields, _shown(task)
    pairs: dict[str, Json] = {
        "Steps": shown["steps"],
        "Sampler": task.sampler,
        "Schedule type": task.scheduler,
        "CFG scale": fields.values["cfg_scale"],
        "Image CFG scale": fields.values.get("image_cfg_scale"),
        "Seed": task.seeds[index],
        "Face restoration": _restorer(task),
        "Size": f"{shown['width']}x{shown['height']}",
        "Model hash": task.model.hash,
        "Model": task.model.name,
        "VAE hash": _vae_hash(task.vae),
        "VAE": task.vae,
        "Variation seed": task.subseeds[index] if task.variation else None,
        "Variation seed strength": fields.values["subseed_strength"] if task.variation else None,
        "Denoising strength": extra.get("Denoising strength"),
        "Clip skip": task.clip_skip if task.clip_skip not in (0, 1) else None,
        "Tiling": True if fields.flag("tiling") else None,
    }
    return compose(fields.text("prompt"), fields.text("negative_prompt"), {**pairs, **extra, "Version": VERSION})


def info_of(task: Task, infotexts: Sequence[str], first: int) -> dict[str, Json]:
    """The `info` object. `first` is the index of the first picture that is no grid."""
    fields, count, shown = task.fields, len(task.seeds), _shown(task)
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
        "width": shown["width"],
        "height": shown["height"],
        "sampler_name": task.sampler,
        "cfg_scale": fields.values["cfg_scale"],
        "steps": shown["steps"],
        "batch_size": task.batch_size,
        "restore_faces": fields.flag("restore_faces"),
        "face_restoration_model": _restorer(task),
        "sd_model_name": task.model.name,
        "sd_model_hash": task.model.hash,
        "sd_vae_name": task.vae,
        "sd_vae_hash": _vae_hash(task.vae),
        "seed_resize_from_w": fields.values["seed_resize_from_w"],
        "seed_resize_from_h": fields.values["seed_resize_from_h"],
        "denoising_strength": fields.values["denoising_strength"],
        "extra_generation_params": extra_parameters(task),
        "index_of_first_image": first,
        "infotexts": list(infotexts),
        "styles": fields.items("styles") if fields.has("styles") else [],
        "job_timestamp": JOB_TIMESTAMP,
        "clip_skip": task.clip_skip,
        "is_using_inpainting_conditioning": False,
        "version": VERSION,
    }


def _shown(task: Task) -> dict[str, Json]:
    # With its own pass skipped, img2img is run by the extension as a stub of one step (recorded).
    if task.detailing.skip_img2img and task.kind == "img2img":
        return {"width": 128, "height": 128, "steps": 1}
    values = task.fields.values
    return {"width": values["width"], "height": values["height"], "steps": values["steps"]}


def _restorer(task: Task) -> Json:
    return task.options["face_restoration_model"] if task.fields.flag("restore_faces") else None


def _describe_hires(fields: Fields, hires: Hires) -> dict[str, Json]:
    told: dict[str, Json] = {
        "Hires prompt": hires.prompt if hires.prompt not in ("", fields.text("prompt")) else None,
        "Hires negative prompt": (
            hires.negative if hires.negative not in ("", fields.text("negative_prompt")) else None
        ),
        "Hires schedule type": fields.values["hr_scheduler"],
    }
    if "hr_additional_modules" in fields.values:
        modules = [str(name) for name in fields.items("hr_additional_modules")]
        for number, name in enumerate(modules if modules else ["Built-in"], start=1):
            told[f"Hires Module {number}"] = name
        told["Hires CFG Scale"] = fields.values["hr_cfg"]
        told["Hires Distilled CFG Scale"] = None  # models without a distilled guidance, as this server's are, have none
    if fields.has("hr_sampler_name"):
        told["Hires sampler"] = fields.text("hr_sampler_name")
    if hires.model is not None:
        told["Hires checkpoint"] = hires.model.label
    if hires.factor is None:
        told["Hires resize"] = f"{fields.integer('hr_resize_x')}x{fields.integer('hr_resize_y')}"
    else:
        told["Hires upscale"] = hires.factor
    if fields.integer("hr_second_pass_steps") > 0:
        told["Hires steps"] = hires.steps
    if hires.upscaler is not None:
        told["Hires upscaler"] = hires.upscaler
    return told


def _describe_mask(fields: Fields) -> dict[str, Json]:
    told: dict[str, Json] = {}
    if fields.integer("inpainting_mask_invert") != 0:
        told["Mask mode"] = "Inpaint not masked"
    told["Mask blur"] = fields.integer("mask_blur") if fields.has("mask_blur") else fields.integer("mask_blur_x")
    if fields.flag("inpaint_full_res"):
        told["Inpaint area"] = "Only masked"
        told["Masked area padding"] = fields.integer("inpaint_full_res_padding")
    content = {0: "fill", 2: "latent noise", 3: "latent nothing"}.get(fields.integer("inpainting_fill"))
    if content is not None:
        told["Masked content"] = content
    return told


def _vae_hash(vae: str | None) -> str | None:
    return None if vae is None else hashlib.sha256(vae.encode()).hexdigest()[:10]
