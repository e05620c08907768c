"""txt2img and img2img: from a resolved task to pictures with captions, and to the answer's body.

This module knows the order in which a preview is made: paint or blend, refiner, hires pass, face restoration,
caption, detail units. It promises that a strength of 0 leaves every pixel of the input alone, that a mask keeps
what is outside it, and that a skipped img2img changes nothing but what its detail units touch; there the caption
stays as it was, and the note alone grows. It knows nothing about HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from PIL import Image

from engine.preview.captions import draw_caption
from engine.preview.dice import Dice
from engine.preview.notes import Note
from engine.preview.passes import fit, inpaint, redraw, refine, sample_again
from engine.preview.pixels import NotAPicture, Picture, as_base64, decode, decode_mask, write_png
from engine.preview.retouch import Touch, half_made, smooth_face, touch_up
from engine.preview.scene import Recipe, compose, paint
from engine.preview.sdapi.accounts import info_of, infotext_of
from engine.preview.sdapi.jobs import Jobs
from engine.preview.sdapi.refusals import failed, refused
from engine.preview.sdapi.tasks import Hires, Task
from engine.values import Json

__all__ = ["generate"]

_DOT = " · "

#: 0 and 3 stretch (in pixels and in latents), 1 covers and crops, 2 fits and fills the rest.
_RESIZE_MODES = {1: "crop", 2: "fill"}


def generate(task: Task, jobs: Jobs, missing: frozenset[str]) -> dict[str, Json]:
    """Run a task in its turn; returns the answer's body. Raises Refusal as the server does."""
    inits = _inits(task)
    mask = decode_mask(task.fields.text("mask")) if task.kind == "img2img" and task.fields.has("mask") else None
    images: list[Image.Image] = []
    notes: list[Note] = []
    with jobs.turn(f"scripts_{task.kind}", task.fields.integer("n_iter")):
        for _ in range(task.fields.integer("n_iter")):
            outcome, done = jobs.sample(task.fields.integer("steps"))
            for place in range(task.batch_size):
                index = len(images)
                if task.kind == "txt2img":
                    image, note = _from_nothing(task, index)
                else:
                    image, note = _from_picture(task, index, inits[place if len(inits) > 1 else 0], mask)
                if outcome != "done":
                    image = half_made(image, Dice("noise", task.seeds[index]), done)
                    note = draw_caption(image, note.with_words(outcome), (240, 80, 80))
                else:
                    note = _detail(task, image, note, missing)
                images.append(image)
                notes.append(note)
            if outcome == "interrupted":
                break
        return _answer(task, images, notes)


def _inits(task: Task) -> list[Picture]:
    if task.kind != "img2img":
        return []
    if not task.fields.has("init_images"):
        raise refused(404, "Init image not found")
    sent = task.fields.items("init_images")
    if not sent:
        raise failed(*task.dialect.without_pictures)
    batch = task.fields.integer("batch_size")
    if len(sent) > max(batch, 1):
        raise failed("RuntimeError", f"bad number of images passed: {len(sent)}; expecting {batch} or less")
    texts = [text for text in sent if isinstance(text, str)]
    if len(texts) != len(sent):
        raise NotAPicture
    pictures = [decode(text) for text in texts]
    # With its own pass skipped, the extension hands back the first picture for each (recorded).
    return [pictures[0]] * len(pictures) if task.detailing.skip_img2img else pictures


def _recipe(task: Task, index: int) -> Recipe:
    fields = task.fields
    return Recipe(
        fields.text("prompt"),
        fields.text("negative_prompt"),
        task.model.name,
        task.seeds[index],
        f"{task.subseeds[index]} {task.variation}" if task.variation else "",
        fields.integer("steps"),
        fields.number("cfg_scale"),
    )


def _from_nothing(task: Task, index: int) -> tuple[Image.Image, Note]:
    recipe = _recipe(task, index)
    where = compose(recipe)
    image = _refined(task, paint(recipe, task.size, where))
    line = ["txt2img " + "x".join(map(str, task.size)), *_settings(task, index)]
    if task.hires is not None:
        image, shown = _enlarge(image, task.hires), recipe
        second = task.hires.model is not None or task.hires.prompt not in ("", recipe.prompt)
        if second:
            model = recipe.model if task.hires.model is None else task.hires.model.name
            prompt = task.hires.prompt or recipe.prompt
            other = Recipe(prompt, recipe.negative, model, recipe.seed, recipe.variation, task.hires.steps, recipe.cfg)
            image = redraw(image, other, where, task.hires.denoise)
            shown = other
        image = sample_again(image, shown, where, task.hires.denoise, task.hires.upscaler, task.hires.steps)
        line.append(_hires_words(task.hires))
    if task.fields.flag("restore_faces"):
        smooth_face(image, where, 1.0)
        line.append("faces restored")
    note = Note(composition=where).with_prompts(recipe.prompt, recipe.negative).with_line(_DOT.join(line))
    return image, draw_caption(image, note, recipe.palette.trim)


def _from_picture(task: Task, index: int, init: Picture, mask: Image.Image | None) -> tuple[Image.Image, Note]:
    note = Note() if init.note is None else init.note
    if task.detailing.skip_img2img:
        return init.image.copy(), note
    how = _RESIZE_MODES.get(task.fields.integer("resize_mode"), "stretch")
    before = fit(init.image, task.size, how)
    words = "inpaint" if mask is not None else "img2img"
    line = [f"{words} denoise {task.fields.number('denoising_strength'):g}", "x".join(map(str, task.size))]
    if before.size != init.image.size:
        line[1] = f"{init.image.width}x{init.image.height} to {line[1]}"
        upscaler = task.options["upscaler_for_img2img"]
        line += [upscaler] if isinstance(upscaler, str) and upscaler else []
    line += _settings(task, index)
    if task.denoise == 0:
        return before, note.with_line(f"{line[0]}: unchanged")
    recipe = _recipe(task, index)
    image = _refined(task, redraw(before, recipe, note.composition, task.denoise))
    if task.fields.flag("restore_faces"):
        smooth_face(image, note.composition, 1.0)
        line.append("faces restored")
    note = note.with_prompts(recipe.prompt, recipe.negative).with_line(_DOT.join(line))
    if mask is None:
        return image, draw_caption(image, note, recipe.palette.trim)
    return _inpainted(task, before, image, fit(mask, task.size, how)), note


def _inpainted(task: Task, before: Image.Image, after: Image.Image, mask: Image.Image) -> Image.Image:
    fields = task.fields
    if fields.flag("mask_round"):
        mask = mask.point([0] * 128 + [255] * 128)
    invert = fields.integer("inpainting_mask_invert") != 0
    if mask.getextrema() == ((255, 255) if invert else (0, 0)) and fields.flag("inpaint_full_res"):
        # Nothing to look at closely: the server then repaints the whole picture (recorded).
        return after
    blur = fields.integer("mask_blur") if fields.has("mask_blur") else fields.integer("mask_blur_x")
    return inpaint(before, after, mask, min(max(blur, 0), 256) / 2, invert=invert)


def _detail(task: Task, image: Image.Image, note: Note, missing: frozenset[str]) -> Note:
    """Let the units work on the picture, in place; returns the note with their line."""
    words = []
    for unit in task.detailing.units:
        if unit.detector in missing:
            # The real one logs this, answers 200, and still names the unit in the infotext (recorded).
            continue
        shift = unit.x_offset, unit.y_offset
        touch = Touch(unit.number, unit.detector, unit.prompt, unit.denoise, shift, unit.grow)
        if touch_up(image, touch, note.composition, note.covered) is not None:
            words.append(f"{unit.number + 1} {unit.detector} denoise {unit.denoise:g}")
    return note.with_line("adetailer " + _DOT.join(words)) if words else note


def _refined(task: Task, image: Image.Image) -> Image.Image:
    if task.refiner is None:
        return image
    switch = task.fields.number("refiner_switch_at") if task.fields.has("refiner_switch_at") else 0.0
    return refine(image, task.refiner.name, task.fields.text("prompt"), switch)


def _enlarge(image: Image.Image, hires: Hires) -> Image.Image:
    coarse = hires.upscaler is not None and "nearest" in hires.upscaler.lower()
    return fit(image, hires.size, "crop", Image.Resampling.NEAREST if coarse else Image.Resampling.LANCZOS)


def _settings(task: Task, index: int) -> list[str]:
    fields = task.fields
    scheduler = "" if task.scheduler == "Automatic" else f" {task.scheduler}"
    words = [
        f"seed {task.seeds[index]}",
        f"{fields.integer('steps')} steps",
        f"{task.sampler}{scheduler}",
        f"cfg {fields.number('cfg_scale'):g}",
        task.model.name,
    ]
    if task.vae is not None:
        words.append(f"VAE {task.vae}")
    if task.refiner is not None:
        switch = f" from {fields.number('refiner_switch_at'):g}" if fields.has("refiner_switch_at") else ""
        words.append(f"refiner {task.refiner.name}{switch}")
    return words


def _hires_words(hires: Hires) -> str:
    scale = f"x{hires.factor:g}" if hires.factor is not None else "to"
    name = "Latent" if hires.upscaler is None else hires.upscaler
    return f"hires {scale} {name} denoise {hires.denoise:g}, {hires.size[0]}x{hires.size[1]}"


def _answer(task: Task, images: Sequence[Image.Image], notes: Sequence[Note]) -> dict[str, Json]:
    fields = task.fields
    infotexts = [infotext_of(task, index) for index in range(len(images))]
    encoded: list[Json] = [
        as_base64(write_png(image, {"parameters": text}, note))
        for image, text, note in zip(images, infotexts, notes, strict=True)
    ]
    first = 0
    # Through the API the server makes a grid only where it was told to save pictures (recorded).
    if fields.flag("save_images") and len(images) > 1 and task.options["return_grid"] is True:
        encoded.insert(0, as_base64(write_png(_grid(images), {"parameters": infotexts[0]}, None)))
        infotexts.insert(0, infotexts[0])
        first = 1
    parameters = dict(fields.values)
    if task.dialect.has_modules and fields.has("override_settings"):
        # Forge leaves what it did not take out of its echo, too.
        overrides = fields.mapping("override_settings")
        parameters["override_settings"] = {k: v for k, v in overrides.items() if task.options[k] == v}
    if task.kind == "img2img" and not fields.flag("include_init_images"):
        parameters.update(init_images=None, mask=None)
    return {
        "images": encoded if fields.flag("send_images") else [],
        "parameters": parameters,
        "info": json.dumps(info_of(task, infotexts, first)),
    }


def _grid(images: Sequence[Image.Image]) -> Image.Image:
    columns = next(n for n in range(1, len(images) + 1) if n * n >= len(images))
    rows = -(-len(images) // columns)
    # A grid is for looking at: it never gets larger than a picture or two.
    scale = min(1.0, 2048 / (columns * images[0].width), 2048 / (rows * images[0].height))
    cell = max(1, round(images[0].width * scale)), max(1, round(images[0].height * scale))
    grid = Image.new("RGB", (cell[0] * columns, cell[1] * rows), "black")
    for index, image in enumerate(images):
        tile = image if image.size == cell else image.resize(cell, Image.Resampling.LANCZOS)
        grid.paste(tile, (index % columns * cell[0], index // columns * cell[1]))
    return grid
