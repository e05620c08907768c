"""The steps in which a picture comes about, the same for every server: paint, redraw, refine, enlarge, sample again.

This module knows in which order traces are laid on a picture and what each step promises: a strength of 0 leaves every
pixel alone, a mask keeps what is outside it. It knows nothing about requests or servers.
"""

from __future__ import annotations

from PIL import Image, ImageOps

from engine.preview.dice import Dice, Palette
from engine.preview.notes import Composition
from engine.preview.retouch import blend_masked, glaze, sharpen_lines
from engine.preview.scene import Recipe, paint

__all__ = ["fit", "inpaint", "redraw", "refine", "sample_again"]


def redraw(before: Image.Image, recipe: Recipe, where: Composition, strength: float) -> Image.Image:
    """img2img: the picture of this recipe over the one before, with a strength from 0 to 1."""
    return (
        before.copy() if strength <= 0 else Image.blend(before, paint(recipe, before.size, where), min(strength, 1.0))
    )


def refine(image: Image.Image, refiner: str, prompt: str, switch_at: float) -> Image.Image:
    """The part of the picture that a refiner of this name took over, from this ratio of the steps on."""
    return image if switch_at >= 1 else glaze(image, Palette.of("refiner", refiner, prompt), switch_at)


def sample_again(
    image: Image.Image, recipe: Recipe, where: Composition, strength: float, upscaler: str | None, steps: int
) -> Image.Image:
    """A hires pass with the same model and prompt: fine lines, at the picture's own resolution."""
    if strength <= 0:
        return image
    return sharpen_lines(image, Dice("hires", recipe.seed, upscaler, steps), recipe.palette, where, strength)


def inpaint(before: Image.Image, after: Image.Image, mask: Image.Image, blur: float, *, invert: bool) -> Image.Image:
    """`after` inside the mask (mode L, white is inside), `before` outside it. `blur` is a radius in pixels."""
    return blend_masked(before, after, ImageOps.invert(mask) if invert else mask, blur)


def fit(
    image: Image.Image,
    size: tuple[int, int],
    how: str = "stretch",
    resampling: Image.Resampling = Image.Resampling.LANCZOS,
) -> Image.Image:
    """The picture at another size: "stretch" it, "crop" what it has too much, or "fill" what it lacks."""
    if image.size == size:
        return image.copy()
    if how == "crop":
        return ImageOps.fit(image, size, resampling)
    if how == "fill":
        ground = image.resize(size, Image.Resampling.BOX)
        inner = ImageOps.contain(image, size, resampling)
        ground.paste(inner, ((size[0] - inner.width) // 2, (size[1] - inner.height) // 2))
        return ground
    return image.resize(size, resampling)
