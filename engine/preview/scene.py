"""The picture that stands for what a model would have made: a person before hills, in colours of the prompt.

This module knows how to paint. The palette comes from the prompts and the model, the shapes from the seed, the
softness from the number of steps, the colourfulness from the guidance. The same recipe always gives the same
pixels. It knows nothing about captions, requests or servers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter

from engine.preview.dice import Colour, Dice, Palette, mix
from engine.preview.notes import Composition

__all__ = ["Recipe", "compose", "paint", "paint_face"]

#: Pictures are painted at twice their size, for smooth edges, within these bounds of the longest side in pixels;
#: then they are brought to their size. So time does not grow without end.
_CANVAS: Final = (256, 1024)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides how a picture looks. `cfg` and `steps` are the usual settings, `seed` is resolved.

    `variation` stands for the subseed and its strength, and is "" where there is none.
    """

    prompt: str
    negative: str
    model: str
    seed: int
    variation: str
    steps: int
    cfg: float

    @property
    def palette(self) -> Palette:
        """The colours."""
        return Palette.of(self.prompt, self.negative, self.model)

    def dice(self, what: str) -> Dice:
        """The shapes of one part of the picture."""
        return Dice(what, self.seed, self.variation)


def compose(recipe: Recipe) -> Composition:
    """Where the person stands in a new picture."""
    dice = recipe.dice("composition")
    return Composition(dice.roll(0.45, 0.55), dice.roll(0.34, 0.38), dice.roll(0.155, 0.18))


def paint(recipe: Recipe, size: tuple[int, int], where: Composition) -> Image.Image:
    """The picture of this recipe, with its person at `where`. Mode RGB."""
    scale = min(max(2 * max(size), _CANVAS[0]), _CANVAS[1]) / max(size)
    canvas = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
    palette = recipe.palette
    image = _sky(canvas, palette)
    _glow(image, where, palette)
    _lights(image, recipe.dice("lights"), palette)
    _hills(image, recipe.dice("hills"), palette)
    _person(image, recipe.dice("person"), palette, where)
    image = ImageEnhance.Color(image).enhance(0.7 + 0.3 * min(max(recipe.cfg, 0.0), 14.0) / 7.0)
    if recipe.steps < 12:
        image = image.filter(ImageFilter.GaussianBlur((12 - max(recipe.steps, 0)) * max(canvas) / 2048))
    return image.resize(size, Image.Resampling.LANCZOS)


def paint_face(size: tuple[int, int], dice: Dice, palette: Palette, face: tuple[float, float, float]) -> Image.Image:
    """Open eyes, brows, nose, mouth and cheeks, on a transparent layer: what a closer look adds to a face."""
    zoom = 3 if max(size) <= 512 else 1
    x, y, r = (value * zoom for value in face)
    layer, draw = _layer((size[0] * zoom, size[1] * zoom))
    gap, eye = r * dice.roll(0.36, 0.4), r * dice.roll(0.17, 0.2)
    height = y + r * 0.02
    iris = mix(palette.trim, palette.ink, 0.45)
    for side in (-1, 1):
        cx = x + side * gap
        draw.ellipse(_box(cx, height, eye, eye * 0.62), fill=(250, 248, 244, 255))
        draw.ellipse(_box(cx, height, eye * 0.56, eye * 0.58), fill=(*iris, 255))
        draw.ellipse(_box(cx, height, eye * 0.28, eye * 0.3), fill=(*palette.ink, 255))
        draw.ellipse(_box(cx + eye * 0.18, height - eye * 0.2, eye * 0.13, eye * 0.13), fill=(255, 255, 255, 255))
        line = max(1, round(r * 0.035))
        draw.arc(_box(cx, height, eye * 1.1, eye * 0.8), 185, 355, fill=(*palette.ink, 255), width=line)
        brow = _box(cx, height - r * 0.1, eye * 1.35, eye * 1.15)
        draw.arc(brow, 215, 325, fill=(*mix(palette.hair, palette.ink, 0.3), 255), width=line * 2)
        draw.ellipse(_box(x + side * r * 0.46, y + r * 0.38, r * 0.16, r * 0.1), fill=(226, 92, 92, 60))
    shade = (*mix(palette.skin, palette.ink, 0.45), 220)
    draw.arc(_box(x, y + r * 0.24, r * 0.1, r * 0.12), 20, 150, fill=shade, width=max(1, round(r * 0.03)))
    lips = mix((196, 72, 84), palette.skin, 0.25)
    mouth = r * dice.roll(0.2, 0.27)
    draw.chord(_box(x, y + r * 0.54, mouth, r * 0.1), 0, 180, fill=(*lips, 255))
    draw.arc(_box(x, y + r * 0.5, mouth * 1.1, r * 0.12), 15, 165, fill=shade, width=max(1, round(r * 0.025)))
    return layer if zoom == 1 else layer.resize(size, Image.Resampling.LANCZOS)


def _sky(size: tuple[int, int], palette: Palette) -> Image.Image:
    column = Image.new("RGB", (1, 64))
    for row in range(64):
        column.putpixel((0, row), mix(palette.sky, palette.horizon, min(1.0, (row / 42) ** 1.3)))
    return column.resize(size, Image.Resampling.BICUBIC)


def _glow(image: Image.Image, where: Composition, palette: Palette) -> None:
    x, y, r = where.face(image.size)
    reach = round(r * 7)
    # Pillow's gradient is 0 in the middle and 181 at the middle of an edge.
    light = Image.radial_gradient("L").point([round(max(0, 180 - v) * 0.9) for v in range(256)])
    light = light.resize((reach, reach), Image.Resampling.BICUBIC)
    image.paste(palette.glow, (round(x - reach / 2), round(y - reach / 2)), light)
    layer, draw = _layer(image.size)
    draw.ellipse(_box(x, y - r * 0.15, r * 1.95, r * 1.95), fill=(*palette.glow, 90))
    line = max(1, round(r * 0.02))
    draw.ellipse(_box(x, y - r * 0.15, r * 2.15, r * 2.15), outline=(*palette.glow, 150), width=line)
    image.paste(layer, (0, 0), layer)


def _lights(image: Image.Image, dice: Dice, palette: Palette) -> None:
    width, height = image.size
    layer, draw = _layer(image.size)
    for _ in range(14):
        r = min(image.size) * dice.roll(0.015, 0.085)
        colour = (palette.glow, palette.trim, palette.horizon)[dice.pick(3)]
        at = _box(dice.roll(0, width), dice.roll(0, height * 0.6), r, r)
        draw.ellipse(at, fill=(*colour, int(dice.roll(28, 80))))
    layer = _soft(layer, min(image.size) * 0.006)
    image.paste(layer, (0, 0), layer)


def _hills(image: Image.Image, dice: Dice, palette: Palette) -> None:
    width, height = image.size
    layer, draw = _layer(image.size)
    for depth in range(3):
        base, rise = 0.56 + 0.09 * depth, dice.roll(0.03, 0.06)
        first, second = dice.roll(0, math.tau), dice.roll(0, math.tau)
        fast, slow = dice.roll(2.2, 4.5), dice.roll(0.7, 1.5)
        ridge: list[tuple[float, float]] = []
        for step in range(97):
            t = step / 96
            wave = math.sin(first + t * math.tau * slow) + 0.45 * math.sin(second + t * math.tau * fast)
            ridge.append((t * width, (base - rise * wave) * height))
        colour = mix(palette.far, palette.near, depth / 2)
        draw.polygon(
            [*ridge, (width, height), (0, height)], fill=(*mix(colour, palette.horizon, 0.3 - 0.13 * depth), 255)
        )
    layer = _soft(layer, max(image.size) * 0.001)
    image.paste(layer, (0, 0), layer)


def _person(image: Image.Image, dice: Dice, palette: Palette, where: Composition) -> None:
    x, y, r = where.face(image.size)
    layer, draw = _layer(image.size)
    hair = (*palette.hair, 255)
    style, width = dice.pick(3), dice.roll(1.2, 1.34)
    if style == 0:  # long
        draw.rounded_rectangle((x - r * width, y - r * 0.5, x + r * width, y + r * 2.3), radius=r * 0.9, fill=hair)
    elif style == 1:  # a bun
        draw.ellipse(_box(x + r * dice.roll(-0.3, 0.3), y - r * 1.45, r * 0.52, r * 0.5), fill=hair)
    else:  # to the chin
        draw.rounded_rectangle((x - r * width, y - r * 0.5, x + r * width, y + r * 0.95), radius=r * 0.7, fill=hair)
    draw.ellipse(_box(x, y - r * 0.2, r * width, r * 1.22), fill=hair)
    _body(draw, dice, palette, (x, y, r), image.size)
    neck = mix(palette.skin, palette.ink, 0.22)
    draw.rounded_rectangle((x - r * 0.4, y + r * 0.6, x + r * 0.4, y + r * 1.55), radius=r * 0.3, fill=(*neck, 255))
    draw.ellipse(_box(x, y + r * 0.08, r * 0.88, r * 1.1), fill=(*palette.skin, 255))
    soft = _soft(layer, max(image.size) * 0.001)
    image.paste(soft, (0, 0), soft)
    _head_light(image, palette, (x, y, r))
    _fringe(image, dice, palette, (x, y, r))


def _body(
    draw: ImageDraw.ImageDraw,
    dice: Dice,
    palette: Palette,
    face: tuple[float, float, float],
    size: tuple[int, int],
) -> None:
    x, y, r = face
    top, wide, foot = y + r * 1.35, r * dice.roll(2.15, 2.5), size[1] + r
    cloth = (*palette.cloth, 255)
    draw.rounded_rectangle((x - wide, top, x + wide, foot), radius=r * 1.05, fill=cloth)
    dark = (*mix(palette.cloth, palette.ink, 0.35), 255)
    for side in (-1, 1):
        line = [(x + side * wide * 0.66, top + r * 1.2), (x + side * wide * 0.7, foot)]
        draw.line(line, fill=dark, width=max(1, round(r * 0.05)))
    draw.ellipse(_box(x, top + r * 0.12, r * 0.78, r * 0.5), fill=(*palette.trim, 255))
    draw.ellipse(_box(x, top + r * 0.02, r * 0.66, r * 0.46), fill=(*mix(palette.skin, palette.ink, 0.1), 255))


def _head_light(image: Image.Image, palette: Palette, face: tuple[float, float, float]) -> None:
    """Light from one side, and a face that is only hinted at: closed eyes and a mouth, all soft."""
    x, y, r = face
    layer, draw = _layer(image.size)
    draw.ellipse(
        _box(x - r * 0.3, y - r * 0.15, r * 0.42, r * 0.6), fill=(*mix(palette.skin, (255, 255, 255), 0.5), 110)
    )
    draw.ellipse(_box(x + r * 0.62, y + r * 0.25, r * 0.24, r * 0.66), fill=(*mix(palette.skin, palette.ink, 0.5), 70))
    layer = _soft(layer, r * 0.14)
    head = Image.new("L", image.size, 0)
    ImageDraw.Draw(head).ellipse(_box(x, y + r * 0.08, r * 0.88, r * 1.1), fill=255)
    image.paste(layer, (0, 0), ImageChops.multiply(layer.getchannel("A"), head))
    hint, draw = _layer(image.size)
    shade, line = (*mix(palette.skin, palette.ink, 0.55), 190), max(1, round(r * 0.05))
    for side in (-1, 1):
        draw.arc(_box(x + side * r * 0.38, y - r * 0.02, r * 0.17, r * 0.1), 10, 170, fill=shade, width=line)
    draw.arc(_box(x, y + r * 0.5, r * 0.2, r * 0.1), 15, 165, fill=shade, width=line)
    hint = _soft(hint, r * 0.02)
    image.paste(hint, (0, 0), hint)


def _fringe(image: Image.Image, dice: Dice, palette: Palette, face: tuple[float, float, float]) -> None:
    x, y, r = face
    part = dice.roll(-0.35, 0.35)
    shape, cut = Image.new("L", image.size, 0), Image.new("L", image.size, 0)
    ImageDraw.Draw(shape).ellipse(_box(x, y - r * 0.42, r * 1.06, r * 0.84), fill=255)
    ImageDraw.Draw(cut).ellipse(_box(x + r * part, y + r * 0.58, r * 1.3, r * 1.02), fill=255)
    alpha = ImageChops.subtract(shape, cut).filter(ImageFilter.GaussianBlur(max(image.size) * 0.001))
    image.paste(palette.hair, (0, 0, *image.size), alpha)
    shine, draw = _layer(image.size)
    light: Colour = mix(palette.hair, palette.glow, 0.5)
    draw.arc(_box(x, y - r * 0.2, r * 0.98, r * 0.98), 205, 290, fill=(*light, 150), width=max(1, round(r * 0.08)))
    shine = _soft(shine, r * 0.05)
    image.paste(shine, (0, 0), shine)


def _layer(size: tuple[int, int]) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    layer = Image.new("RGBA", size, (0, 0, 0, 0))
    return layer, ImageDraw.Draw(layer)


def _soft(layer: Image.Image, radius: float) -> Image.Image:
    """The layer blurred, without the dark rim that blurring colour and transparency apart would give."""
    return layer.convert("RGBa").filter(ImageFilter.GaussianBlur(radius)).convert("RGBA")


def _box(x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
    return x - rx, y - ry, x + rx, y + ry
