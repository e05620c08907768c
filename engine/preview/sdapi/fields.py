"""Which fields a request of AUTOMATIC1111 and of Forge may have: names in the server's order, types, defaults.

This module is data, from the generated request models of both servers (their openapi.json).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from engine.preview.sdapi.refusals import Kind
from engine.values import Json

__all__ = ["FIELDS_OF_A1111", "FIELDS_OF_FORGE", "Declared", "Endpoint"]

Endpoint = Literal["txt2img", "img2img", "extras"]

#: The fields of every endpoint, with kind and default. A default of None means that null may be sent.
Declared = Mapping[Endpoint, Mapping[str, tuple[Kind, Json]]]

_COMMON_START: Final[dict[str, tuple[Kind, Json]]] = {
    "prompt": ("text", ""),
    "negative_prompt": ("text", ""),
    "styles": ("list", None),
    "seed": ("integer", -1),
    "subseed": ("integer", -1),
    "subseed_strength": ("number", 0),
    "seed_resize_from_h": ("integer", -1),
    "seed_resize_from_w": ("integer", -1),
    "sampler_name": ("text", None),
    "scheduler": ("text", None),
    "batch_size": ("integer", 1),
    "n_iter": ("integer", 1),
    "steps": ("integer", 50),
    "cfg_scale": ("number", 7.0),
    "width": ("integer", 512),
    "height": ("integer", 512),
    "restore_faces": ("boolean", None),
    "tiling": ("boolean", None),
    "do_not_save_samples": ("boolean", False),
    "do_not_save_grid": ("boolean", False),
    "eta": ("number", None),
    "denoising_strength": ("number", None),
    "s_min_uncond": ("number", None),
    "s_churn": ("number", None),
    "s_tmax": ("number", None),
    "s_tmin": ("number", None),
    "s_noise": ("number", None),
    "override_settings": ("object", None),
    "override_settings_restore_afterwards": ("boolean", True),
    "refiner_checkpoint": ("text", None),
    "refiner_switch_at": ("number", None),
    "disable_extra_networks": ("boolean", False),
    "firstpass_image": ("text", None),
    "comments": ("object", None),
}
_COMMON_END: Final[dict[str, tuple[Kind, Json]]] = {
    "script_name": ("text", None),
    "script_args": ("list", []),
    "send_images": ("boolean", True),
    "save_images": ("boolean", False),
    "alwayson_scripts": ("object", {}),
    "infotext": ("text", None),
}

FIELDS_OF_A1111: Final[dict[Endpoint, dict[str, tuple[Kind, Json]]]] = {
    "txt2img": {
        **_COMMON_START,
        "enable_hr": ("boolean", False),
        "firstphase_width": ("integer", 0),
        "firstphase_height": ("integer", 0),
        "hr_scale": ("number", 2.0),
        "hr_upscaler": ("text", None),
        "hr_second_pass_steps": ("integer", 0),
        "hr_resize_x": ("integer", 0),
        "hr_resize_y": ("integer", 0),
        "hr_checkpoint_name": ("text", None),
        "hr_sampler_name": ("text", None),
        "hr_scheduler": ("text", None),
        "hr_prompt": ("text", ""),
        "hr_negative_prompt": ("text", ""),
        "force_task_id": ("text", None),
        "sampler_index": ("text", "Euler"),
        **_COMMON_END,
    },
    "img2img": {
        **_COMMON_START,
        "denoising_strength": ("number", 0.75),
        "init_images": ("list", None),
        "resize_mode": ("integer", 0),
        "image_cfg_scale": ("number", None),
        "mask": ("text", None),
        "mask_blur_x": ("integer", 4),
        "mask_blur_y": ("integer", 4),
        "mask_blur": ("integer", None),
        "mask_round": ("boolean", True),
        "inpainting_fill": ("integer", 0),
        "inpaint_full_res": ("boolean", True),
        "inpaint_full_res_padding": ("integer", 0),
        "inpainting_mask_invert": ("integer", 0),
        "initial_noise_multiplier": ("number", None),
        "latent_mask": ("text", None),
        "force_task_id": ("text", None),
        "sampler_index": ("text", "Euler"),
        "include_init_images": ("boolean", False),
        **_COMMON_END,
    },
    "extras": {
        "resize_mode": ("integer", 0),
        "show_extras_results": ("boolean", True),
        "gfpgan_visibility": ("number", 0),
        "codeformer_visibility": ("number", 0),
        "codeformer_weight": ("number", 0),
        "upscaling_resize": ("number", 2),
        "upscaling_resize_w": ("integer", 512),
        "upscaling_resize_h": ("integer", 512),
        "upscaling_crop": ("boolean", True),
        "upscaler_1": ("text", "None"),
        "upscaler_2": ("text", "None"),
        "extras_upscaler_2_visibility": ("number", 0),
        "upscale_first": ("boolean", False),
        "image": ("text", ""),
    },
}


def _forge(endpoint: Endpoint) -> dict[str, tuple[Kind, Json]]:
    """Forge's fields: the same, and some behind others."""
    behind: dict[str, tuple[str, tuple[Kind, Json]]] = {
        "cfg_scale": ("distilled_cfg_scale", ("number", 3.5)),
        "hr_checkpoint_name": ("hr_additional_modules", ("list", None)),
        "hr_negative_prompt": ("hr_cfg", ("number", 1.0)),
        "hr_cfg" if endpoint == "txt2img" else "force_task_id": ("hr_distilled_cfg", ("number", 3.5)),
    }
    fields: dict[str, tuple[Kind, Json]] = {}
    for name, declared in FIELDS_OF_A1111[endpoint].items():
        fields[name] = declared
        place = name
        while place in behind:
            place, declared = behind[place]
            fields[place] = declared
    return fields


FIELDS_OF_FORGE: Final[Declared] = {endpoint: _forge(endpoint) for endpoint in FIELDS_OF_A1111}
