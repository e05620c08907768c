"""ADetailer's arguments: which units run, and what `info` says about them.

This module knows how ADetailer 25.3.0 reads `alwayson_scripts.ADetailer.args` (recorded): two switches, then
units; what is missing is filled from its user interface; a unit that does not meet its schema is dropped in
silence. It knows nothing about pictures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.preview.sdapi.catalog import ADETAILER_VERSION
from engine.values import Json, is_integer, is_number

__all__ = ["Detailing", "Unit", "describe_units", "read_detailing"]

#: More units are cut off in silence by the server's default setting.
_MAX_UNITS: Final = 4

# name: (label in infotexts, kind, default, lowest, highest). From GET /adetailer/v1/schema; the order is that of
# the infotext.
_UNIT: Final[dict[str, tuple[str, str, Json, float | None, float | None]]] = {
    "ad_model": ("model", "text", "None", None, None),
    "ad_model_classes": ("model classes", "text", "", None, None),
    "ad_tab_enable": ("tab enable", "boolean", True, None, None),
    "ad_prompt": ("prompt", "text", "", None, None),
    "ad_negative_prompt": ("negative prompt", "text", "", None, None),
    "ad_confidence": ("confidence", "number", 0.3, 0, 1),
    "ad_mask_filter_method": ("method to decide top k masks", "Area|Confidence", "Area", None, None),
    "ad_mask_k": ("mask only top k", "integer", 0, 0, None),
    "ad_mask_min_ratio": ("mask min ratio", "number", 0.0, 0, 1),
    "ad_mask_max_ratio": ("mask max ratio", "number", 1.0, 0, 1),
    "ad_x_offset": ("x offset", "integer", 0, None, None),
    "ad_y_offset": ("y offset", "integer", 0, None, None),
    "ad_dilate_erode": ("dilate erode", "integer", 4, None, None),
    "ad_mask_merge_invert": ("mask merge invert", "None|Merge|Merge and Invert", "None", None, None),
    "ad_mask_blur": ("mask blur", "integer", 4, 0, None),
    "ad_denoising_strength": ("denoising strength", "number", 0.4, 0, 1),
    "ad_inpaint_only_masked": ("inpaint only masked", "boolean", True, None, None),
    "ad_inpaint_only_masked_padding": ("inpaint padding", "integer", 32, 0, None),
    "ad_use_inpaint_width_height": ("use inpaint width height", "boolean", False, None, None),
    "ad_inpaint_width": ("inpaint width", "integer", 512, 1, None),
    "ad_inpaint_height": ("inpaint height", "integer", 512, 1, None),
    "ad_use_steps": ("use separate steps", "boolean", False, None, None),
    "ad_steps": ("steps", "integer", 28, 1, None),
    "ad_use_cfg_scale": ("use separate CFG scale", "boolean", False, None, None),
    "ad_cfg_scale": ("CFG scale", "number", 7.0, 0, None),
    "ad_use_checkpoint": ("use separate checkpoint", "boolean", False, None, None),
    "ad_checkpoint": ("checkpoint", "text", None, None, None),
    "ad_use_vae": ("use separate VAE", "boolean", False, None, None),
    "ad_vae": ("VAE", "text", None, None, None),
    "ad_use_sampler": ("use separate sampler", "boolean", False, None, None),
    "ad_sampler": ("sampler", "text", "DPM++ 2M Karras", None, None),
    "ad_scheduler": ("scheduler", "text", "Use same scheduler", None, None),
    "ad_use_noise_multiplier": ("use separate noise multiplier", "boolean", False, None, None),
    "ad_noise_multiplier": ("noise multiplier", "number", 1.0, 0.5, 1.5),
    "ad_use_clip_skip": ("use separate CLIP skip", "boolean", False, None, None),
    "ad_clip_skip": ("CLIP skip", "integer", 1, 1, 12),
    "ad_restore_face": ("restore face", "boolean", False, None, None),
    "ad_controlnet_model": ("ControlNet model", "text", "None", None, None),
    "ad_controlnet_module": ("ControlNet module", "text", "None", None, None),
    "ad_controlnet_weight": ("ControlNet weight", "number", 1.0, 0, 1),
    "ad_controlnet_guidance_start": ("ControlNet guidance start", "number", 0.0, 0, 1),
    "ad_controlnet_guidance_end": ("ControlNet guidance end", "number", 1.0, 0, 1),
    "is_api": ("is api", "boolean", True, None, None),
}

#: What is left out of the infotext, with its followers, while the first has this value.
_SILENT: Final[tuple[tuple[str, Json, tuple[str, ...]], ...]] = (
    ("ad_model_classes", "", ()),
    ("ad_tab_enable", True, ()),
    ("ad_prompt", "", ()),
    ("ad_negative_prompt", "", ()),
    ("ad_mask_k", 0, ("ad_mask_filter_method",)),
    ("ad_mask_min_ratio", 0.0, ()),
    ("ad_mask_max_ratio", 1.0, ()),
    ("ad_x_offset", 0, ()),
    ("ad_y_offset", 0, ()),
    ("ad_mask_merge_invert", "None", ()),
    ("ad_inpaint_only_masked", False, ("ad_inpaint_only_masked_padding",)),
    ("ad_use_inpaint_width_height", False, ("ad_inpaint_width", "ad_inpaint_height")),
    ("ad_use_steps", False, ("ad_steps",)),
    ("ad_use_cfg_scale", False, ("ad_cfg_scale",)),
    ("ad_use_checkpoint", False, ("ad_checkpoint",)),
    ("ad_use_vae", False, ("ad_vae",)),
    ("ad_use_sampler", False, ("ad_sampler", "ad_scheduler")),
    ("ad_use_noise_multiplier", False, ("ad_noise_multiplier",)),
    ("ad_use_clip_skip", False, ("ad_clip_skip",)),
    ("ad_restore_face", False, ()),
    (
        "ad_controlnet_model",
        "None",
        (
            "ad_controlnet_module",
            "ad_controlnet_weight",
            "ad_controlnet_guidance_start",
            "ad_controlnet_guidance_end",
        ),
    ),
    ("is_api", True, ()),
)

_ORDINALS: Final = ("", " 2nd", " 3rd", " 4th")


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit that runs: its number as infotexts count it (from 0), its detector, and what it draws with.

    Offsets and growth are pixels, `denoise` is a ratio from 0 to 1. All values stand in `values`.
    """

    number: int
    detector: str
    prompt: str
    denoise: float
    x_offset: int
    y_offset: int
    grow: int
    values: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Detailing:
    """What ADetailer does to a generation: nothing where there are no units, whatever the switches say."""

    units: tuple[Unit, ...] = ()
    skip_img2img: bool = False


def read_detailing(args: Sequence[Json]) -> Detailing:
    """Read the arguments as the extension does."""
    # The user interface's own start values: off, and one unit with a detector.
    slots: list[Json] = [False, False, {"ad_model": "mediapipe_face_full"}]
    slots[: len(args)] = args
    switch, skip = slots[0], slots[1]
    if switch is False:
        return Detailing()
    valid = [unit for unit in slots if isinstance(unit, dict) and _is_valid(unit)][:_MAX_UNITS]
    units = tuple(
        _unit(number, values)
        for number, values in enumerate({**_defaults(), **given} for given in valid)
        if values["ad_model"] != "None" and values["ad_tab_enable"] is True
    )
    return Detailing(units, skip is True and bool(units))


def describe_units(units: Sequence[Unit]) -> dict[str, Json]:
    """What `extra_generation_params` says about the units that run."""
    told: dict[str, Json] = {}
    for unit in units:
        silent: set[str] = set()
        for name, value, followers in _SILENT:
            if unit.values[name] == value:
                silent.update((name, *followers))
        for name, (label, *_) in _UNIT.items():
            if name not in silent and unit.values[name] is not None:
                told[f"ADetailer {label}{_ORDINALS[unit.number]}"] = unit.values[name]
    if units:
        told["ADetailer version"] = ADETAILER_VERSION
    return told


def _defaults() -> dict[str, Json]:
    return {name: default for name, (_, _, default, _, _) in _UNIT.items()}


def _is_valid(unit: Mapping[str, Json]) -> bool:
    for name, value in unit.items():
        if name not in _UNIT:
            return False
        _, kind, default, low, high = _UNIT[name]
        if value is None:
            if default is not None:
                return False
            continue
        match kind:
            case "text":
                fits = isinstance(value, str)
            case "boolean":
                fits = isinstance(value, bool)
            case "integer":
                fits = is_integer(value)
            case "number":
                fits = is_number(value)
            case _:
                fits = isinstance(value, str) and value in kind.split("|")
        if not fits:
            return False
        if (low is not None or high is not None) and not _within(_number(value), low, high):
            return False
    return True


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _unit(number: int, values: Mapping[str, Json]) -> Unit:
    return Unit(
        number,
        str(values["ad_model"]),
        str(values["ad_prompt"]),
        _number(values["ad_denoising_strength"]),
        int(_number(values["ad_x_offset"])),
        int(_number(values["ad_y_offset"])),
        int(_number(values["ad_dilate_erode"])),
        values,
    )


def _number(value: Json) -> float:
    if not isinstance(value, (int, float)):
        raise TypeError("a checked unit holds a number here")
    return value
