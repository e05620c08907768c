"""txt2img and img2img of SD.Next: from a resolved task to pictures with captions, and to the answer's body.

This module knows in which order that server works, and what it leaves out without a word: the picture's caption tells
what was done, and nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from PIL import Image

from engine.preview.captions import draw_caption
from engine.preview.dice import Dice, Palette
from engine.preview.notes import Note
from engine.preview.passes import fit, inpaint, redraw, refine, sample_again
from engine.preview.pixels import Picture, as_base64, decode_mask, write_jpeg, write_png
from engine.preview.retouch import Touch, half_made, touch_up
from engine.preview.scene import Recipe, compose, paint
from engine.preview.sdapi.jobs import Jobs
from engine.preview.sdnext.accounts import DETECTIONS, info_of, infotext_of
from engine.preview.sdnext.tasks import RESIZE_MODES, Detailing, Task
from engine.values import Json

__all__ = ["encoded", "generate", "retouched"]

_DOT = " · "


def generate(task: Task, inits: Sequence[Picture], jobs: Jobs, missing: frozenset[str]) -> dict[str, Json]:
    """Run a task in its turn; returns the answer's body."""
    if task.model is None:
        # No model is loaded: an answer without a picture and without a word, and HTTP 200 (recorded).
        return {"images": [], "parameters": dict(task.echoed), "info": ""}
    fields = task.fields
    mask = decode_mask(fields.text("mask")) if task.kind == "img2img" and fields.has("mask") else None
    images: list[Json] = []
    infotexts: list[str] = []
    init = None if not inits else (f"{inits[0].image.width}x{inits[0].image.height}", _mark(inits[0].image))
    with jobs.turn("Inference", fields.integer("n_iter")):
        for _ in range(fields.integer("n_iter")):
            outcome, done = jobs.sample(max(fields.integer("steps"), 1))
            for place in range(fields.integer("batch_size")):
                index = len(infotexts)
                text = infotext_of(task, index, init)
                infotexts.append(text)
                if task.makes_nothing or outcome == "skipped":
                    continue
                picture = inits[place % len(inits)] if inits else None
                image, note = _drawn(task, index, picture, mask)
                if outcome == "interrupted":
                    # What comes back is the last preview picture, which is smaller than what was asked for.
                    image = half_made(fit(image, _halved(image.size)), Dice("noise", task.seeds[index]), done)
                    note = draw_caption(image, note.with_words(outcome), (240, 80, 80))
                    images.append(encoded(task.options, image, text, note))
                    break
                note = _detailed(task, image, note, missing, images, infotexts)
                images.append(encoded(task.options, image, text, note))
            if outcome == "interrupted":
                break
    return {
        "images": images if fields.flag("send_images") else [],
        "parameters": _echo(task),
        "info": json.dumps(info_of(task, infotexts)),
    }


def retouched(image: Image.Image, note: Note, detailing: Detailing, missing: frozenset[str]) -> tuple[Note, bool]:
    """Let the detectors work on the picture, in place; the note with their line, and whether any of them worked."""
    words = []
    for number, name in enumerate(detailing.models):
        touch = Touch(number, name, detailing.prompt, detailing.strength, (0, 0), 0)
        if name not in missing and touch_up(image, touch, note.composition, note.covered) is not None:
            words.append(f"{number + 1} {name} denoise {detailing.strength:g}")
    return (note.with_line("detailer " + _DOT.join(words)), True) if words else (note, False)


def encoded(options: Mapping[str, Json], image: Image.Image, text: str, note: Note) -> str:
    """The picture in the format that the options name: JPEG, unless they say PNG."""
    if options["samples_format"] == "png":
        return as_base64(write_png(image, {"parameters": text}, note))
    quality = options["jpeg_quality"]
    return as_base64(write_jpeg(image, text, note, quality if isinstance(quality, int) and 1 <= quality <= 100 else 90))


def _drawn(task: Task, index: int, init: Picture | None, mask: Image.Image | None) -> tuple[Image.Image, Note]:
    recipe = _recipe(task, index)
    strength = min(max(task.fields.number("denoising_strength"), 0.0), 1.0)
    if init is None:
        note = Note(composition=compose(recipe))
        image, before = paint(recipe, task.size, note.composition), None
        line = ["txt2img " + "x".join(map(str, task.size)), *_settings(task, index)]
    else:
        note = Note() if init.note is None else init.note
        before = _fitted(task, init.image)
        if strength == 0 and task.hires is None and task.refiner is None:
            return _kept(task, before, init.image.size, note)
        image = redraw(before, recipe, note.composition, strength)
        words = "inpaint" if mask is not None else "img2img"
        line = [f"{words} denoise {strength:g}", "x".join(map(str, before.size)), *_settings(task, index)]
    if mask is not None and before is not None:
        blur = min(max(task.fields.integer("mask_blur"), 0), 256) / 2
        invert = task.fields.integer("inpainting_mask_invert") != 0
        image = inpaint(before, image, fit(mask, before.size), blur, invert=invert)
    image = _second_part(task, image, recipe, note, line)
    note = note.with_prompts(recipe.prompt, recipe.negative).with_line(_DOT.join(line))
    if mask is not None and task.hires is None and task.refiner is None:
        return image, note
    return image, draw_caption(image, note, recipe.palette.trim)


def _kept(task: Task, image: Image.Image, was: tuple[int, int], note: Note) -> tuple[Image.Image, Note]:
    """img2img at strength 0: the picture as it came, at another size at the most. Its prompts stay what they were."""
    if image.size == was:
        return image, note if task.detailing is not None else note.with_line("img2img denoise 0: unchanged")
    name = task.fields.text("resize_name")
    note = note.with_line(f"upscale {name} · {was[0]}x{was[1]} to {image.width}x{image.height}")
    return image, draw_caption(image, note, Palette.of(note.prompt, note.negative, "").trim)


def _second_part(task: Task, image: Image.Image, recipe: Recipe, note: Note, line: list[str]) -> Image.Image:
    """Hires and the refiner, with their words on the line."""
    hires, where = task.hires, note.composition
    if hires is not None:
        words = []
        if hires.resizes:
            how = RESIZE_MODES.get(task.fields.integer("hr_resize_mode"), ("stretch", ""))[0]
            kept = hires.size == task.size and hires.told_size != task.size
            image = image if kept else fit(image, hires.size, how)
            name = task.fields.text("hr_upscaler")
            words.append(f"upscale {name}" + (": size kept" if kept else f" to {hires.size[0]}x{hires.size[1]}"))
        if hires.samples:
            image = sample_again(image, recipe, where, hires.strength, task.fields.text("hr_upscaler"), hires.steps)
            words.append(f"denoise {hires.strength:g}")
        line.append("hires " + ", ".join(words))
    if task.refiner is not None:
        image = refine(image, task.refiner.name, recipe.prompt, task.refiner.start)
        line.append(f"refiner {task.refiner.name} from {task.refiner.start:g}")
    return image


def _detailed(
    task: Task, image: Image.Image, note: Note, missing: frozenset[str], images: list[Json], infotexts: list[str]
) -> Note:
    if task.detailing is None:
        return note
    note, worked = retouched(image, note, task.detailing, missing)
    if worked and task.detailing.shows_detections:
        # The annotated picture comes first, in front of the result (recorded).
        images.append(encoded(task.options, image, DETECTIONS, note))
        infotexts.insert(len(images) - 1, DETECTIONS)
    return note


def _fitted(task: Task, image: Image.Image) -> Image.Image:
    mode = RESIZE_MODES.get(task.fields.integer("resize_mode"))
    own = max(image.width // 8 * 8, 8), max(image.height // 8 * 8, 8)
    # Mode 0 does not look at the size that was asked for (recorded).
    return fit(image, own) if mode is None else fit(image, task.size, mode[0])


def _recipe(task: Task, index: int) -> Recipe:
    fields = task.fields
    strength = fields.number("subseed_strength")
    variation = f"{task.subseeds[index]} {strength:g}" if strength > 0 else ""
    return Recipe(
        fields.text("prompt"),
        fields.text("negative_prompt"),
        str(task.model),
        task.seeds[index],
        variation,
        fields.integer("steps"),
        fields.number("cfg_scale"),
    )


def _settings(task: Task, index: int) -> list[str]:
    fields = task.fields
    sigma = f" {fields.text('schedulers_sigma')}" if fields.values["schedulers_sigma"] not in (None, "default") else ""
    words = [f"seed {task.seeds[index]}", f"{fields.integer('steps')} steps", f"{task.sampler}{sigma}"]
    words += [f"cfg {fields.number('cfg_scale'):g}", str(task.model)]
    vae = task.options["sd_vae"]
    return [*words, f"VAE {vae}"] if isinstance(vae, str) and vae not in ("", "None", "Automatic") else words


def _echo(task: Task) -> dict[str, Json]:
    echo = dict(task.echoed)
    if "include_init_images" in echo and not task.fields.flag("include_init_images"):
        echo.update(init_images=None, mask=None)
    return echo


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    return max(size[0] // 16 * 8, 8), max(size[1] // 16 * 8, 8)


def _mark(image: Image.Image) -> str:
    return hashlib.sha256(image.tobytes()).hexdigest()[:8]
