"""The nodes that sample: KSampler, KSamplerAdvanced, FaceDetailer.

This module knows what their inputs mean (steps that are skipped, noise that is left over, the hand-over to a refiner)
and turns them into the passes that every preview draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from engine.preview.comfyui.values import (
    Conditioning,
    Detector,
    Inputs,
    ModelValue,
    Pictures,
    Shot,
    as_batch,
    as_number,
)
from engine.preview.dice import Dice
from engine.preview.notes import Note
from engine.preview.passes import fit, inpaint, redraw, refine, sample_again
from engine.preview.retouch import Touch, half_made
from engine.preview.scene import Recipe, compose, paint

__all__ = ["detail", "finished", "sample", "sample_advanced"]


@dataclass(frozen=True, slots=True)
class _Sampling:
    """One sampling: from step `start` until step `end` of `steps`, with fresh noise or with what was left over."""

    model: ModelValue
    positive: str
    negative: str
    seed: int
    steps: int
    start: int
    end: int
    cfg: float
    how: str
    fresh: bool
    leaves: bool

    @property
    def strength(self) -> float:
        """How much of what comes in is sampled anew, from 0 to 1."""
        return (self.steps - self.start) / self.steps


def sample(inputs: Inputs) -> Pictures:
    """KSampler. A strength below 1 skips steps of a longer schedule, as the server does it."""
    denoise, steps = as_number(inputs["denoise"]), int(as_number(inputs["steps"]))
    total = steps if denoise >= 1 or denoise <= 0 else int(steps / denoise)
    skipped = total if denoise <= 0 else total - steps
    return _run(inputs, "seed", total, skipped, total, fresh=True, leaves=False)


def sample_advanced(inputs: Inputs) -> Pictures:
    """KSamplerAdvanced."""
    steps = int(as_number(inputs["steps"]))
    start, end = int(as_number(inputs["start_at_step"])), min(int(as_number(inputs["end_at_step"])), steps)
    leaves = inputs["return_with_leftover_noise"] == "enable" and end < steps
    return _run(inputs, "noise_seed", steps, min(start, end), end, fresh=inputs["add_noise"] == "enable", leaves=leaves)


def finished(shot: Shot) -> Shot:
    """What a VAE makes of a latent: one whose sampling was never finished is full of noise, and says so."""
    if shot.unfinished is None or shot.image is None:
        return shot if shot.image is not None else shot.with_image(shot.pixels(), "nothing was sampled")
    began, until, steps = shot.unfinished
    done = (until - began) / max(steps - began, 1)
    image = half_made(shot.image, Dice("noise", until, steps), done)
    return replace(shot.with_image(image, f"left unfinished at step {until} of {steps}"), unfinished=None)


def detail(inputs: Inputs) -> Pictures:
    """FaceDetailer: each face anew, inside its own region. The picture keeps its size."""
    detector, positive = inputs["bbox_detector"], inputs["positive"]
    name = detector.name.rpartition("/")[2] if isinstance(detector, Detector) else "face"
    prompt = inputs["wildcard"] if isinstance(inputs.get("wildcard"), str) and inputs["wildcard"] else ""
    text = positive.text if isinstance(positive, Conditioning) and not prompt else str(prompt)
    shots = []
    for shot in as_batch(inputs["image"]).shots:
        own = text if shot.recipe is None or text != shot.recipe.prompt else ""
        own = "" if own == shot.note.prompt else own
        grow, strength = int(as_number(inputs["bbox_dilation"])), as_number(inputs["denoise"])
        touch = Touch(len(shot.touches), name, own, strength, (0, 0), grow)
        shots.append(replace(shot, touches=(*shot.touches, touch)))
    return Pictures(tuple(shots))


def _run(inputs: Inputs, seed: str, steps: int, start: int, end: int, *, fresh: bool, leaves: bool) -> Pictures:
    model, positive, negative = inputs["model"], inputs["positive"], inputs["negative"]
    scheduler = f"{inputs['sampler_name']} {inputs['scheduler']}"
    sampling = _Sampling(
        model if isinstance(model, ModelValue) else ModelValue("model"),
        positive.text if isinstance(positive, Conditioning) else "",
        negative.text if isinstance(negative, Conditioning) else "",
        int(as_number(inputs[seed])),
        steps,
        start,
        end,
        as_number(inputs["cfg"]),
        scheduler,
        fresh,
        leaves,
    )
    batch = as_batch(inputs["latent_image"])
    return Pictures(tuple(_shot(sampling, shot, k, batch.mask) for k, shot in enumerate(batch.shots)))


def _shot(sampling: _Sampling, shot: Shot, number: int, mask: Image.Image | None) -> Shot:
    # A batch's later members come from other noise, which is not that of seed + k.
    variation = f"member {number}" if number > 0 else ""
    recipe = Recipe(
        sampling.positive,
        sampling.negative,
        sampling.model.name,
        sampling.seed,
        variation,
        # As if it were finished: what is left over is another sampler's to finish.
        sampling.steps - sampling.start,
        sampling.cfg,
    )
    before, where = shot.image, shot.note.composition
    if not sampling.fresh and shot.unfinished is not None and before is not None:
        return _handed_over(sampling, shot, recipe)
    if sampling.start >= sampling.end:
        return replace(shot, words=(*shot.words, "no step sampled"))
    if before is None:
        note = Note(composition=compose(recipe))
        image = paint(recipe, shot.size, note.composition)
        first = f"txt2img {shot.size[0]}x{shot.size[1]}"
        made = replace(shot, note=note, recipe=recipe).with_image(image, first, *_told(sampling))
    elif shot.recipe is not None:
        image = (
            before
            if shot.recipe.prompt == recipe.prompt and shot.recipe.model == recipe.model
            else redraw(before, recipe, where, sampling.strength)
        )
        image = sample_again(image, recipe, where, sampling.strength, None, sampling.end - sampling.start)
        own = "" if shot.recipe.model == recipe.model else f", {recipe.model}"
        words = f"hires denoise {sampling.strength:.3g}, {shot.size[0]}x{shot.size[1]}{own}"
        made = replace(shot, recipe=recipe).with_image(image, words)
    else:
        image = redraw(before, recipe, where, sampling.strength)
        words = f"{'inpaint' if mask is not None else 'img2img'} denoise {sampling.strength:.3g}"
        made = replace(shot, recipe=recipe).with_image(image, words, f"{shot.size[0]}x{shot.size[1]}", *_told(sampling))
    if mask is not None and before is not None and made.image is not None:
        inside = fit(mask, shot.size)
        made = replace(made, image=inpaint(before, made.image, inside, 0.0, invert=False), drawn=shot.drawn)
        if not shot.drawn:
            # As everywhere: inpainting leaves the caption alone, which may lie outside the mask; the note alone grows.
            made = replace(made, note=made.note.with_line(" · ".join(made.words)), words=())
    unfinished = (sampling.start, sampling.end, sampling.steps) if sampling.leaves else None
    return replace(made, unfinished=unfinished)


def _handed_over(sampling: _Sampling, shot: Shot, recipe: Recipe) -> Shot:
    """The rest of a sampling that another model began: the refiner."""
    began, _, steps = (0, 0, sampling.steps) if shot.unfinished is None else shot.unfinished
    ratio = (sampling.start - began) / max(steps - began, 1)
    image = shot.pixels() if shot.image is None else shot.image
    same = shot.recipe is not None and shot.recipe.model == recipe.model
    refined = image if same else refine(image, recipe.model, recipe.prompt, ratio)
    words = f"finished from {ratio:.3g}" if same else f"refiner {recipe.model} from {ratio:.3g}"
    return replace(shot.with_image(refined, words), unfinished=None)


def _told(sampling: _Sampling) -> list[str]:
    words = [
        f"seed {sampling.seed}",
        f"{sampling.steps - sampling.start} steps",
        sampling.how,
        f"cfg {sampling.cfg:g}",
        sampling.model.name,
    ]
    return [*words, *sampling.model.loras]
