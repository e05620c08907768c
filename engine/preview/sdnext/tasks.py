"""What a generation request to SD.Next comes down to, or why it is refused.

This module knows how that server resolves a request (2026-07, recorded), its silences included: which models are really
loaded, when hires enlarges and when it samples again, when a refiner runs, what img2img does with a size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from engine.preview.dice import fingerprint
from engine.preview.models import model_from
from engine.preview.pixels import MAX_PIXELS, TooLarge, check_size
from engine.preview.sdapi.bodies import Fields
from engine.preview.sdapi.refusals import failed, plain, refused
from engine.preview.sdnext.catalog import UPSCALERS, find_sampler, scheduler_class
from engine.values import Json, canonical

__all__ = ["Detailing", "Hires", "Refiner", "Task", "model_name", "read_task"]

Kind = Literal["txt2img", "img2img"]

#: How many pictures one request may ask for.
_MAX_PICTURES: Final = 64

#: resize_mode and hr_resize_mode: how a picture comes to its size, and the name in infotexts.
RESIZE_MODES: Final = {1: ("stretch", "Fixed"), 2: ("crop", "Crop"), 3: ("fill", "Fill"), 4: ("fill", "Outpaint")}


@dataclass(frozen=True, slots=True)
class Hires:
    """The second part: whether it resizes, the size that it tells and the size that it has, and whether it samples."""

    resizes: bool
    told_size: tuple[int, int]
    size: tuple[int, int]
    samples: bool
    strength: float
    told_strength: float
    steps: int
    sampler: str


@dataclass(frozen=True, slots=True)
class Refiner:
    """Another model that goes on from a ratio of the steps."""

    name: str
    start: float
    steps: int


@dataclass(frozen=True, slots=True)
class Detailing:
    """The server's own detailer: detectors, strength, steps, resolution (pixels), prompt."""

    models: tuple[str, ...]
    strength: float
    steps: int
    resolution: int
    prompt: str
    shows_detections: bool


@dataclass(frozen=True, slots=True)
class Task:
    """A generation request, resolved. `echoed` are the values as they came; in `fields`, defaults stand for null."""

    kind: Kind
    fields: Fields
    echoed: Mapping[str, Json]
    options: Mapping[str, Json]
    model: str | None
    size: tuple[int, int]
    sampler: str
    seeds: tuple[int, ...]
    subseeds: tuple[int, ...]
    hires: Hires | None
    refiner: Refiner | None
    detailing: Detailing | None

    @property
    def scheduler(self) -> str:
        """The class that samples."""
        return scheduler_class(self.sampler)

    @property
    def makes_nothing(self) -> bool:
        """Whether the server answers 200 without a picture: no model, a size or a strength that cannot be."""
        too_strong = self.kind == "img2img" and self.fields.number("denoising_strength") > 1
        return self.model is None or min(self.size) < 8 or too_strong


def model_name(title: str) -> str:
    """How infotexts name a model: the title's last part."""
    return model_from(title.rpartition("/")[2]).name


def read_task(
    kind: Kind,
    fields: Fields,
    echoed: Mapping[str, Json],
    options: Mapping[str, Json],
    init_size: tuple[int, int] | None,
    missing: frozenset[str],
) -> Task:
    """Resolve a request. `init_size` is that of the first picture, in pixels. Raises Refusal as the real server."""
    if kind == "img2img" and init_size is None and echoed["init_images"] is None:
        raise plain(400, "Init image is none")
    for name in fields.mapping("alwayson_scripts"):
        raise refused(422, f"Always on script not found: {name}")
    sampler = find_sampler(fields.text("sampler_name"))
    if sampler is None:
        raise refused(404, "Sampler not found")
    if echoed["prompt"] is None:
        raise failed("AssertionError", "")
    if echoed["steps"] is None:
        text = "int() argument must be a string, a bytes-like object or a real number, not 'NoneType'"
        raise failed("TypeError", text)
    batch, rounds = fields.integer("batch_size"), fields.integer("n_iter")
    if batch < 1 or rounds < 1:
        raise failed("IndexError", "list index out of range")
    # An empty list of pictures is txt2img there.
    actual: Kind = "img2img" if init_size is not None else "txt2img"
    changed = _overridden(options, fields.mapping("override_settings"), missing)
    asked = (fields.integer("width"), fields.integer("height"))
    size = tuple(1024 if side == 0 else side // 8 * 8 for side in asked)
    hires = _hires(fields, sampler, (size[0], size[1]))
    _check_room((size[0], size[1]), hires, batch * rounds)
    field = fields.text("sd_model_checkpoint") if fields.has("sd_model_checkpoint") else None
    wanted = changed["sd_model_checkpoint"] if field is None else field
    known = isinstance(wanted, str) and wanted != "" and model_name(wanted) not in missing and wanted not in missing
    seeds, subseeds = _seeds(fields, echoed, batch * rounds)
    return Task(
        actual,
        fields,
        echoed,
        changed,
        model_name(wanted) if isinstance(wanted, str) and known else None,
        (size[0], size[1]),
        sampler,
        seeds,
        subseeds,
        hires,
        _refiner(fields, changed, missing),
        _detailing(fields),
    )


def _overridden(options: Mapping[str, Json], changes: Mapping[str, Json], missing: frozenset[str]) -> dict[str, Json]:
    """The options with these overrides: what is not known, or is no exact title, is left out in silence."""
    found = dict(options)
    for key, value in changes.items():
        if key not in options or key == "samples_format":
            continue
        if key in ("sd_model_checkpoint", "sd_model_refiner") and isinstance(value, str):
            # A title with a hash, as relatives of this server write it, is no title here.
            unknown = value.endswith("]") or value in missing or model_name(value) in missing
            if unknown:
                continue
        found[key] = value
    return found


def _hires(fields: Fields, sampler: str, size: tuple[int, int]) -> Hires | None:
    if not fields.flag("enable_hr"):
        return None
    mode = fields.integer("hr_resize_mode")
    upscaler = fields.text("hr_upscaler") if fields.has("hr_upscaler") else None
    if mode > 0 and upscaler is None:
        raise failed("AttributeError", "'NoneType' object has no attribute 'lower'")
    resizes = mode > 0 and upscaler != "None"
    latent = upscaler is not None and upscaler.lower().startswith("latent")
    x, y, factor = fields.integer("hr_resize_x"), fields.integer("hr_resize_y"), fields.number("hr_scale")
    scaled = int(size[0] * factor) // 8 * 8, int(size[1] * factor) // 8 * 8
    told = (x // 8 * 8, y // 8 * 8) if x > 0 and y > 0 else scaled
    # A latent upscaler of an unknown name, and a mode that needs more than it is given, leave the size alone.
    works = resizes and mode in RESIZE_MODES and not (latent and upscaler not in UPSCALERS) and min(told) >= 8
    given = fields.number("hr_denoising_strength")
    strength = given if given > 0 else fields.number("denoising_strength")
    second = fields.text("hr_sampler_name")
    samples = (latent or fields.flag("hr_force")) and strength > 0
    if not resizes and not samples:
        return None
    return Hires(
        resizes,
        told,
        told if works else size,
        samples,
        min(strength, 1.0),
        given,
        fields.integer("hr_second_pass_steps"),
        sampler if second == "Same as primary" else second,
    )


def _refiner(fields: Fields, options: Mapping[str, Json], missing: frozenset[str]) -> Refiner | None:
    title, start, steps = options["sd_model_refiner"], fields.number("refiner_start"), fields.integer("refiner_steps")
    loaded = isinstance(title, str) and title not in ("", "None") and model_name(title) not in missing
    if not (fields.flag("enable_hr") and 0 < start < 1 and steps > 0 and loaded):
        return None
    return Refiner(model_name(str(title)), start, steps)


def _detailing(fields: Fields) -> Detailing | None:
    if not fields.flag("detailer_enabled"):
        return None
    models = fields.items("detailer_models") if fields.has("detailer_models") else []
    return Detailing(
        tuple(str(name) for name in models) or ("face-yolo8n",),
        min(max(fields.number("detailer_strength"), 0.0), 1.0),
        fields.integer("detailer_steps"),
        fields.integer("detailer_resolution"),
        fields.text("detailer_prompt"),
        fields.flag("detailer_include_detections"),
    )


def _check_room(size: tuple[int, int], hires: Hires | None, count: int) -> None:
    largest = size if hires is None else max(size, hires.size)
    check_size(*largest)
    if count > _MAX_PICTURES or largest[0] * largest[1] * count > 2 * MAX_PIXELS:
        raise TooLarge(
            f"{count} pictures of {largest[0]}x{largest[1]} are too much for a preview: ask for fewer at once"
        )


def _seeds(fields: Fields, echoed: Mapping[str, Json], count: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    request = canonical(dict(echoed))
    seed, subseed = fields.integer("seed"), fields.integer("subseed")
    seed = fingerprint("seed", request) if seed == -1 else seed
    subseed = fingerprint("subseed", request) if subseed == -1 else subseed
    return tuple(seed + k for k in range(count)), tuple(subseed + k for k in range(count))
