"""What a generation request comes down to: model, sampler, seeds, extra parameters; or why it is refused.

This module knows how the server resolves a request before it samples (A1111 1.10.1, recorded): overrides,
sampler and scheduler names, seeds of -1, hires sizes, always-on scripts, and what it says about all that in
`info`. A seed of -1 becomes a number made from the request, so that the same request always gives the same
picture. It draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from engine.preview.dice import fingerprint
from engine.preview.models import Model, model_from
from engine.preview.pixels import MAX_PIXELS, check_size
from engine.preview.sdapi.bodies import Fields
from engine.preview.sdapi.catalog import LATENT_MODES, SELECTABLE_SCRIPTS, UPSCALERS
from engine.preview.sdapi.detailer import Detailing, read_detailing
from engine.preview.sdapi.dialects import Dialect
from engine.preview.sdapi.refusals import failed, refused
from engine.values import Json, canonical

__all__ = ["Hires", "Task", "apply_overrides", "read_task"]

Kind = Literal["txt2img", "img2img"]

#: How many pictures one request may ask for.
_MAX_PICTURES: Final = 64

#: How many pixels all pictures of one request may have: they are in memory at the same time.
_MAX_TOTAL_PIXELS: Final = 2 * MAX_PIXELS

#: Fields that the server reads and the preview does not. Refused rather than ignored.
_UNREAD: Final = ("infotext", "firstpass_image", "latent_mask")


@dataclass(frozen=True, slots=True)
class Hires:
    """The second pass of txt2img: size in pixels, upscaler (None: the server's own), strength, steps, model."""

    size: tuple[int, int]
    factor: float | None
    upscaler: str | None
    denoise: float
    steps: int
    model: Model | None
    prompt: str
    negative: str


@dataclass(frozen=True, slots=True)
class Task:
    """A generation request, resolved. `options` are the server's with the request's overrides."""

    kind: Kind
    dialect: Dialect
    fields: Fields
    options: Mapping[str, Json]
    model: Model
    vae: str | None
    refiner: Model | None
    hires: Hires | None
    sampler: str
    scheduler: str
    seeds: tuple[int, ...]
    subseeds: tuple[int, ...]
    detailing: Detailing

    @property
    def size(self) -> tuple[int, int]:
        """The size of the pictures, in pixels: what was asked for, rounded down to a multiple of 8."""
        return self.fields.integer("width") // 8 * 8, self.fields.integer("height") // 8 * 8

    @property
    def denoise(self) -> float:
        """The strength of img2img, from 0 to 1; a larger value acts as 1."""
        return min(max(self.fields.number("denoising_strength"), 0.0), 1.0)

    @property
    def variation(self) -> str:
        """The strength of the subseed as text, "" where it has no part in the pictures."""
        strength = self.fields.number("subseed_strength")
        return f"{strength:g}" if strength > 0 else ""

    @property
    def clip_skip(self) -> Json:
        """The option CLIP_stop_at_last_layers."""
        return self.options["CLIP_stop_at_last_layers"]

    @property
    def batch_size(self) -> int:
        """How many pictures are made at once: where several are sent to img2img, as many as are sent."""
        sent = len(self.fields.items("init_images")) if self.kind == "img2img" else 0
        return sent if sent > 1 else self.fields.integer("batch_size")


def apply_overrides(
    dialect: Dialect, options: Mapping[str, Json], changes: Mapping[str, Json], missing: frozenset[str]
) -> dict[str, Json]:
    """The options with these changes. Raises Refusal (500, KeyError) for a key that is no option.

    A checkpoint in `missing` is left out in silence, as the server does with one that it does not have (recorded).
    """
    met = dict(changes)
    if model_from(str(changes.get("sd_model_checkpoint", ""))).name in missing:
        del met["sd_model_checkpoint"]
    for key, value in met.items():
        if key not in options:
            raise failed("KeyError", repr(key))
        if key == "CLIP_stop_at_last_layers" and (isinstance(value, bool) or not isinstance(value, (int, float))):
            error, text = dialect.not_a_layer
            raise failed(error, text.format(kind=type(value).__name__, value=value))
    return {**options, **met}


def read_task(
    kind: Kind, dialect: Dialect, fields: Fields, options: Mapping[str, Json], missing: frozenset[str]
) -> Task:
    """Resolve a request. `missing` are names of models that the server pretends not to have.

    Raises Refusal in the shape and words of the real server wherever that refuses.
    """
    for name in _UNREAD:
        if name in fields.values and fields.has(name):
            raise refused(422, f"The preview does not read `{name}`: leave it out.")
    if fields.has("script_name") and fields.text("script_name"):
        raise refused(422, f"Script '{fields.text('script_name')}' not found")
    args = _adetailer_args(dialect.always_on[kind], fields.mapping("alwayson_scripts"))
    _check_numbers(fields)
    changed = apply_overrides(dialect, options, fields.mapping("override_settings"), missing)
    sampler = fields.text("sampler_name") if fields.has("sampler_name") else fields.text("sampler_index")
    scheduler = fields.text("scheduler") if fields.has("scheduler") else None
    detailing = read_detailing(args)
    skipped = kind == "img2img" and detailing.skip_img2img
    found = ("Euler", "Automatic") if skipped else dialect.find_sampler(sampler, scheduler)
    hires = _hires(dialect, fields, missing) if kind == "txt2img" and fields.flag("enable_hr") else None
    seeds, subseeds = _seeds(fields)
    return Task(
        kind,
        dialect,
        fields,
        changed,
        model_from(str(changed["sd_model_checkpoint"])),
        _vae(dialect, changed, missing),
        _checkpoint(fields, "refiner_checkpoint", missing),
        hires,
        *found,
        seeds,
        subseeds,
        detailing,
    )


def _adetailer_args(known: Sequence[str], scripts: Mapping[str, Json]) -> list[Json]:
    args: list[Json] = []
    for name, script in scripts.items():
        if name.lower() in SELECTABLE_SCRIPTS:
            raise refused(422, "Cannot have a selectable script in the always on scripts params")
        if name.lower() not in known:
            raise refused(422, f"Script '{name}' not found")
        given = script.get("args", []) if isinstance(script, dict) else script
        if not isinstance(given, list):
            raise failed("TypeError", f"object of type '{type(given).__name__}' has no len()")
        if name.lower() == "adetailer":
            args = given
    return args


def _check_numbers(fields: Fields) -> None:
    steps, width, height = fields.integer("steps"), fields.integer("width"), fields.integer("height")
    if steps == 0:
        raise failed("ZeroDivisionError", "integer division or modulo by zero")
    if steps < 0:
        raise failed("RuntimeError", "number of steps must be non-negative")
    if width < 8 or height < 8:
        raise failed("RuntimeError", f"a picture of {width}x{height} pixels has no room for an 8x8 block")
    batch, rounds = fields.integer("batch_size"), fields.integer("n_iter")
    if batch < 1 or rounds < 1:
        raise failed("AssertionError", "batch_size and n_iter must be at least 1")
    if batch > _MAX_PICTURES or rounds > _MAX_PICTURES or batch * rounds > _MAX_PICTURES:
        raise failed("OutOfMemoryError", f"the preview makes at most {_MAX_PICTURES} pictures a request")
    check_size(width, height)
    _check_total((width, height), fields)


def _check_total(size: tuple[int, int], fields: Fields) -> None:
    count = fields.integer("batch_size") * fields.integer("n_iter")
    if size[0] * size[1] * count > _MAX_TOTAL_PIXELS:
        text = f"{count} pictures of {size[0]}x{size[1]} are too much for a preview: ask for fewer at once"
        raise failed("OutOfMemoryError", text)


def _checkpoint(fields: Fields, name: str, missing: frozenset[str]) -> Model | None:
    asked = fields.text(name) if fields.has(name) else ""
    if asked in ("", "None", "Use same checkpoint"):
        return None
    model = model_from(asked)
    if model.name in missing:
        raise failed("Exception", f"Could not find checkpoint with name {asked}")
    return model


def _hires(dialect: Dialect, fields: Fields, missing: frozenset[str]) -> Hires:
    upscaler = fields.text("hr_upscaler") if fields.has("hr_upscaler") else None
    if upscaler is not None and upscaler not in UPSCALERS and upscaler not in LATENT_MODES:
        raise failed("Exception", f"could not find upscaler named {upscaler}")
    model = _checkpoint(fields, "hr_checkpoint_name", missing)
    if dialect.has_modules and not fields.has("hr_additional_modules"):
        raise failed("TypeError", "argument of type 'NoneType' is not iterable")
    if not fields.has("denoising_strength"):
        raise failed("TypeError", "'>' not supported between instances of 'NoneType' and 'int'")
    width, height = fields.integer("width") // 8 * 8, fields.integer("height") // 8 * 8
    x, y = fields.integer("hr_resize_x"), fields.integer("hr_resize_y")
    factor = None
    if x <= 0 and y <= 0:
        factor = fields.number("hr_scale")
        x, y = int(width * factor), int(height * factor)
    elif x <= 0:
        x = y * width // height
    elif y <= 0:
        y = x * height // width
    size = x // 8 * 8, y // 8 * 8
    if min(size) < 8:
        raise failed("RuntimeError", f"a hires size of {x}x{y} pixels has no room for an 8x8 block")
    check_size(*size)
    _check_total(size, fields)
    steps = fields.integer("hr_second_pass_steps")
    return Hires(
        size,
        factor,
        upscaler,
        min(max(fields.number("denoising_strength"), 0.0), 1.0),
        steps if steps > 0 else fields.integer("steps"),
        model,
        fields.text("hr_prompt"),
        fields.text("hr_negative_prompt"),
    )


def _seeds(fields: Fields) -> tuple[tuple[int, ...], tuple[int, ...]]:
    request = canonical(fields.values)
    seed, subseed = fields.integer("seed"), fields.integer("subseed")
    if seed == -1:
        seed = fingerprint("seed", request)
    if subseed == -1:
        subseed = fingerprint("subseed", request)
    count = fields.integer("batch_size") * fields.integer("n_iter")
    constant = fields.number("subseed_strength") > 0
    return tuple(seed + (0 if constant else k) for k in range(count)), tuple(subseed + k for k in range(count))


def _vae(dialect: Dialect, options: Mapping[str, Json], missing: frozenset[str]) -> str | None:
    named = options["forge_additional_modules"] if dialect.has_modules else [options["sd_vae"]]
    for name in named if isinstance(named, list) else []:
        if isinstance(name, str) and name not in ("", "None", "Automatic") and model_from(name).name not in missing:
            return name
    return None
