"""What later steps add to a picture: refiner, hires pass, inpainting, detail units, face restoration.

This module knows how each of them leaves a trace that a person can see, and where: a glaze beyond the refiner's
switch, fine lines from a hires pass, a frame with a tag around what a detail unit touched. It changes nothing
outside the region that a step is about. It knows nothing about requests or servers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from engine.preview.captions import line_height, plain, tag_font
from engine.preview.dice import Colour, Dice, Palette, mix
from engine.preview.notes import Composition
from engine.preview.scene import paint_face

__all__ = ["Touch", "blend_masked", "glaze", "half_made", "sharpen_lines", "smooth_face", "touch_up"]

Box = tuple[int, int, int, int]

#: The smallest side of a region that is worth touching, in pixels.
_SMALLEST: Final = 6

_UNIT_INKS: Final[tuple[Colour, ...]] = ((255, 221, 87), (94, 234, 212), (255, 138, 196), (148, 190, 255))


@dataclass(frozen=True, slots=True)
class Touch:
    """What one detail unit does: its number from 0, detector, prompt, strength (a ratio), and shift in pixels."""

    number: int
    detector: str
    prompt: str
    strength: float
    shift: tuple[int, int]
    grow: int


def glaze(image: Image.Image, palette: Palette, switch_at: float) -> Image.Image:
    """The part of the picture beyond `switch_at` (a ratio of its width) in the refiner's colours."""
    width, height = image.size
    grey = ImageOps.autocontrast(image.convert("L"), cutoff=1)
    dark, light = mix(palette.ink, palette.near, 0.4), mix(palette.glow, (255, 255, 255), 0.35)
    toned = ImageOps.colorize(grey, black=dark, white=light, mid=mix(palette.cloth, palette.horizon, 0.5))
    toned = Image.blend(image, toned, 0.5)
    if switch_at <= 0:
        return toned
    lean, edge = height * 0.06, switch_at * width
    mask = Image.new("L", image.size, 0)
    beyond = [(edge + lean, 0), (width + lean, 0), (width + lean, height), (edge - lean, height)]
    ImageDraw.Draw(mask).polygon(beyond, fill=255)
    out = Image.composite(toned, image, mask.filter(ImageFilter.GaussianBlur(max(1.0, min(image.size) * 0.012))))
    if min(image.size) >= 96:
        layer = Image.new("L", image.size, 0)
        ImageDraw.Draw(layer).line([(edge + lean, 0), (edge - lean, height)], fill=130, width=max(1, width // 320))
        out.paste(palette.glow, (0, 0, width, height), layer)
    return out


def sharpen_lines(image: Image.Image, dice: Dice, palette: Palette, where: Composition, strength: float) -> Image.Image:
    """Fine lines and sparks, at the picture's own resolution, as a second pass would add them."""
    width, height = image.size
    x, y, r = where.face(image.size)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw = ImageDraw.Draw(layer)
    seen = round(60 + 150 * min(max(strength, 0.0), 1.0))
    thin = max(1, round(min(image.size) / 900))
    strand = mix(palette.hair, palette.glow, 0.55)
    for _ in range(90):
        turn, reach = dice.roll(195, 345), dice.roll(1.0, 1.2)
        box = (x - r * reach, y - r * (reach + 0.18), x + r * reach, y + r * (reach - 0.22))
        draw.arc(box, turn, turn + dice.roll(8, 26), fill=(*strand, seen), width=thin)
    for _ in range(70):
        cx, cy, arm = dice.roll(0, width), dice.roll(0, height * 0.52), r * dice.roll(0.015, 0.06)
        if math.hypot(cx - x, cy - y) < r * 1.5:
            continue
        draw.line((cx - arm, cy, cx + arm, cy), fill=(*palette.glow, seen), width=thin)
        draw.line((cx, cy - arm, cx, cy + arm), fill=(*palette.glow, seen), width=thin)
    thread = mix(palette.cloth, palette.trim, 0.55)
    for row in range(26):
        top = y + r * (2.0 + row * 0.11)
        bend = [(x + r * t * 0.16, top + r * 0.05 * math.cos(t * 0.9 + row)) for t in range(-9, 10)]
        draw.line(bend, fill=(*thread, seen // 2), width=thin)
    out = image.filter(ImageFilter.UnsharpMask(radius=2, percent=round(40 + 80 * min(strength, 1.0)), threshold=2))
    out.paste(layer, (0, 0), layer)
    return out


def blend_masked(before: Image.Image, after: Image.Image, mask: Image.Image, blur: float) -> Image.Image:
    """`after` where the mask is white. The blur softens the edge inwards: nothing outside the mask changes."""
    soft = mask.filter(ImageFilter.GaussianBlur(blur)) if blur > 0 else mask
    return Image.composite(after, before, ImageChops.darker(soft, mask))


def smooth_face(image: Image.Image, where: Composition, visibility: float) -> None:
    """A face restorer's trace: the face a little smoother, inside a thin broken ring."""
    x, y, r = where.face(image.size)
    mask = Image.new("L", image.size, 0)
    ImageDraw.Draw(mask).ellipse((x - r, y - r * 1.15, x + r, y + r * 1.25), fill=round(255 * visibility))
    image.paste(image.filter(ImageFilter.GaussianBlur(r * 0.012)), (0, 0), mask)
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    draw, ring = ImageDraw.Draw(layer), (x - r * 1.06, y - r * 1.21, x + r * 1.06, y + r * 1.31)
    for angle in range(0, 360, 12):
        ink = (255, 255, 255, round(70 + 130 * visibility))
        draw.arc(ring, angle, angle + 5, fill=ink, width=max(1, round(r * 0.02)))
    image.paste(layer, (0, 0), layer)


def half_made(image: Image.Image, dice: Dice, done: float) -> Image.Image:
    """What an interrupted job answers with: the picture as it was after this part of its steps, in noise."""
    coarse = max(1, image.width // 4), max(1, image.height // 4)
    count = coarse[0] * coarse[1] * 3
    block = bytes(int(dice.roll(0, 256)) for _ in range(min(count, 4096)))
    noise = Image.frombytes("RGB", coarse, (block * (count // len(block) + 1))[:count])
    soft = image.filter(ImageFilter.GaussianBlur(min(image.size) * 0.02))
    return Image.blend(noise.resize(image.size, Image.Resampling.NEAREST), soft, 0.2 + 0.6 * min(max(done, 0.0), 1.0))


def touch_up(image: Image.Image, touch: Touch, where: Composition, covered: float) -> Box | None:
    """Redraw what one unit's detector would have found, frame it and tag it. Returns the box that was touched.

    That is None where the unit's offsets have moved its region out of the picture. `covered` is the part of the
    height that the caption takes at the foot.
    """
    box = _region(image.size, touch, where, covered)
    if min(box[2] - box[0], box[3] - box[1]) < _SMALLEST:
        return None
    inner = image.crop(box)
    fresh = inner.filter(ImageFilter.UnsharpMask(radius=3, percent=120, threshold=1))
    x, y, r = where.face(image.size)
    dice = Dice("unit", touch.number, touch.detector, touch.prompt)
    local = (x - box[0] + touch.shift[0], y - box[1] - touch.shift[1], r)
    ink = _UNIT_INKS[touch.number % len(_UNIT_INKS)]
    fresh = Image.blend(fresh, Image.new("RGB", fresh.size, ink), 0.1)
    if _kind(touch.detector) != "hand":
        layer = paint_face(fresh.size, dice, Palette.of("unit", touch.prompt, touch.number), local)
        fresh.paste(layer, (0, 0), layer)
    mask = Image.new("L", inner.size, 0)
    ImageDraw.Draw(mask).ellipse((2, 2, inner.width - 3, inner.height - 3), fill=round(255 * _opacity(touch.strength)))
    mask = mask.filter(ImageFilter.GaussianBlur(min(inner.size) * 0.03))
    image.paste(Image.composite(fresh, inner, mask), box)
    _frame(image, box, ink)
    return _tag(image, box, touch, covered)


def _opacity(strength: float) -> float:
    """A weak unit shows less, but shows; strength 0 changes nothing."""
    return 0.0 if strength <= 0 else 0.45 + 0.55 * min(strength, 1.0)


def _kind(detector: str) -> str:
    name = detector.lower()
    return next((kind for kind in ("eyes", "hand", "person") if kind in name), "face")


def _region(size: tuple[int, int], touch: Touch, where: Composition, covered: float) -> Box:
    x, y, r = where.face(size)
    match _kind(touch.detector):
        case "eyes":
            left, top, right, bottom = x - r * 0.75, y - r * 0.28, x + r * 0.75, y + r * 0.28
        case "hand":
            left, top, right, bottom = x + r * 0.75, y + r * 1.95, x + r * 1.95, y + r * 2.95
        case "person":
            left, top, right, bottom = x - r * 2.4, y - r * 1.6, x + r * 2.4, size[1] * (1 - covered) - r * 0.15
        case _:
            left, top, right, bottom = x - r * 1.0, y - r * 1.1, x + r * 1.0, y + r * 1.25
    # Frames of several units lie inside one another, so that each can be seen.
    grow = touch.grow - touch.number * max(2.0, min(size) * 0.012)
    dx, dy = touch.shift
    raw = (left - grow + dx, top - grow - dy, right + grow + dx, bottom + grow - dy)
    return (
        round(min(max(raw[0], 0), size[0])),
        round(min(max(raw[1], 0), size[1])),
        round(min(max(raw[2], 0), size[0])),
        round(min(max(raw[3], 0), size[1])),
    )


def _frame(image: Image.Image, box: Box, ink: Colour) -> None:
    draw = ImageDraw.Draw(image)
    line = max(1, round(min(image.size) / 300))
    x0, y0, x1, y1 = box[0], box[1], box[2] - 1, box[3] - 1
    arm = max(2, min(x1 - x0, y1 - y0) // 5)
    for x, dx in ((x0, 1), (x1, -1)):
        for y, dy in ((y0, 1), (y1, -1)):
            for ends in (((x, y), (x + dx * arm, y)), ((x, y), (x, y + dy * arm))):
                xs, ys = sorted(p[0] for p in ends), sorted(p[1] for p in ends)
                low = (
                    (xs[0] if dx > 0 or xs[0] != xs[1] else x - line + 1),
                    (ys[0] if dy > 0 or ys[0] != ys[1] else y - line + 1),
                )
                high = (
                    (xs[1] if xs[0] != xs[1] else low[0] + line - 1),
                    (ys[1] if ys[0] != ys[1] else low[1] + line - 1),
                )
                draw.rectangle((low, high), fill=ink)


def _tag(image: Image.Image, box: Box, touch: Touch, covered: float) -> Box:
    """A small tag above the box (units 1 and 3) or below it (2 and 4)."""
    if min(image.size) < 192:
        return box
    font, step = tag_font(image.size), line_height(image.size)
    text = f"{touch.number + 1} {plain(touch.detector)} {touch.strength:g}"
    if touch.prompt:
        text += f": {plain(touch.prompt)[:60]}"
    pad = step // 4
    while font.getlength(text) + 2 * pad > image.width and len(text) > 4:
        text = text[:-2].rstrip("…") + "…"
    wide, tall = math.ceil(font.getlength(text)) + 2 * pad, step + pad
    rank = touch.number // 2
    foot = math.floor(image.height * (1 - covered))
    top = box[1] - tall * (rank + 1) if touch.number % 2 == 0 else box[3] + tall * rank
    top = min(max(top, 0), max(0, foot - tall))
    left = min(max((box[0] + box[2] - wide) // 2, 0), max(0, image.width - wide))
    draw = ImageDraw.Draw(image)
    ink = _UNIT_INKS[touch.number % len(_UNIT_INKS)]
    draw.rectangle((left, top, left + wide - 1, top + tall - 1), fill=(16, 18, 27))
    draw.rectangle((left, top, left + max(2, pad // 2), top + tall - 1), fill=ink)
    draw.text((left + pad + pad // 2, top + pad // 2), text, fill=ink, font=font)
    return min(box[0], left), min(box[1], top), max(box[2], left + wide), max(box[3], top + tall)
