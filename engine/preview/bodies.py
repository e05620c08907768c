"""Which fields a request may have, of which type, and what is taken where one is missing.

This module knows the generated request models of AUTOMATIC1111 1.10.1 (its openapi.json): names in the server's
order, types, defaults. It turns a JSON body into a complete set of values, or into the server's 422. It is
stricter than the server, which turns "2" into 2 and 1 into true: here a text is no number, and true is not 1.
What the values mean is not its business, nor is the contract, which somebody else has checked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeVar

from engine.preview.refusals import Refusal, invalid
from engine.values import Json, is_integer, is_number

__all__ = ["Endpoint", "Fields", "read_body"]

Endpoint = Literal["txt2img", "img2img", "extras"]

T = TypeVar("T")

#: Beyond this the server's own seed arithmetic (signed 64 bits) ends.
_INTEGER_LIMIT: Final = 2**63

# (kind, default); a default of None means that null may be sent.
_COMMON_START: Final[dict[str, tuple[str, Json]]] = {
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
_COMMON_END: Final[dict[str, tuple[str, Json]]] = {
    "script_name": ("text", None),
    "script_args": ("list", []),
    "send_images": ("boolean", True),
    "save_images": ("boolean", False),
    "alwayson_scripts": ("object", {}),
    "infotext": ("text", None),
}

_FIELDS: Final[dict[Endpoint, dict[str, tuple[str, Json]]]] = {
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

# The only bounds that the server itself declares: they stand on the extras request.
_UP_TO_ONE: Final = (
    "gfpgan_visibility",
    "codeformer_visibility",
    "codeformer_weight",
    "extras_upscaler_2_visibility",
)

_REFUSED: Final = {
    "integer": ("value is not a valid integer", "type_error.integer"),
    "number": ("value is not a valid float", "type_error.float"),
    "boolean": ("value could not be parsed to a boolean", "type_error.bool"),
    "text": ("str type expected", "type_error.str"),
    "list": ("value is not a valid list", "type_error.list"),
    "object": ("value is not a valid dict", "type_error.dict"),
}


@dataclass(frozen=True, slots=True)
class Fields:
    """All fields of one request, in the server's order, each of its declared type."""

    values: Mapping[str, Json]

    def _get(self, name: str, kind: type[T]) -> T:
        value = self.values[name]
        if not isinstance(value, kind):
            raise TypeError(f"{name} holds a {type(value).__name__} where the code reads a {kind.__name__}")
        return value

    def has(self, name: str) -> bool:
        """Whether the field is something other than null."""
        return self.values[name] is not None

    def integer(self, name: str) -> int:
        """An integer that is not null."""
        return self._get(name, int)

    def number(self, name: str) -> float:
        """A number that is not null."""
        value = self.values[name]
        return float(value) if isinstance(value, int) else self._get(name, float)

    def flag(self, name: str) -> bool:
        """A boolean; null is false, as the server takes it."""
        return self.has(name) and self._get(name, bool)

    def text(self, name: str) -> str:
        """A text that is not null."""
        return self._get(name, str)

    def items(self, name: str) -> list[Json]:
        """A list that is not null."""
        return self._get(name, list)

    def mapping(self, name: str) -> dict[str, Json]:
        """An object; null is an empty one, as the server takes it."""
        return self._get(name, dict) if self.has(name) else {}


def read_body(endpoint: Endpoint, body: Mapping[str, Json]) -> Fields:
    """All fields of a request with their values. Keys that the server does not know are left out, as it does.

    Raises Refusal (422) that names every field with a value of the wrong type, or outside a declared bound.
    """
    values: dict[str, Json] = {}
    problems: list[tuple[tuple[str], str, str]] = []
    for name, (kind, default) in _FIELDS[endpoint].items():
        value = body.get(name, default)
        if name in body and value is None and default is not None:
            problems.append(((name,), "none is not an allowed value", "type_error.none.not_allowed"))
        elif value is not None and not _fits(kind, value):
            problems.append(((name,), *_REFUSED[kind]))
        else:
            values[name] = _as_kind(kind, value) if name in body else value
    if problems:
        raise invalid(problems)
    fields = Fields(values)
    if endpoint == "extras":
        _check_bounds(fields)
    return fields


def _fits(kind: str, value: Json) -> bool:
    match kind:
        case "integer":
            return is_integer(value) and isinstance(value, (int, float)) and abs(value) < _INTEGER_LIMIT
        case "number":
            return is_number(value) and isinstance(value, (int, float)) and abs(value) < _INTEGER_LIMIT
        case "boolean":
            return isinstance(value, bool)
        case "text":
            return isinstance(value, str)
        case "list":
            return isinstance(value, list)
        case _:
            return isinstance(value, dict)


def _as_kind(kind: str, value: Json) -> Json:
    if kind == "integer" and isinstance(value, float):
        return int(value)
    if kind == "number" and isinstance(value, int):
        return float(value)
    return value


def _check_bounds(fields: Fields) -> None:
    if fields.number("upscaling_resize") <= 0:
        raise _out_of_bounds("upscaling_resize", "greater than 0", "not_gt", 0)
    for name in _UP_TO_ONE:
        value = fields.number(name)
        if value > 1:
            raise _out_of_bounds(name, "less than or equal to 1", "not_le", 1)
        if value < 0:
            raise _out_of_bounds(name, "greater than or equal to 0", "not_ge", 0)


def _out_of_bounds(name: str, what: str, kind: str, limit: int) -> Refusal:
    entry: Json = {
        "loc": ["body", name],
        "msg": f"ensure this value is {what}",
        "type": f"value_error.number.{kind}",
        "ctx": {"limit_value": limit},
    }
    return Refusal(422, {"detail": [entry]})
