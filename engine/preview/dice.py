"""Numbers and colours that look random and are always the same.

This module knows how a text becomes an endless stream of numbers (SHA-256 in counter mode), and how such numbers
become a palette that holds together. It uses no clock and no random source. What the numbers are used for is not
its business.
"""

from __future__ import annotations

import colorsys
import hashlib
from dataclasses import dataclass

__all__ = ["Colour", "Dice", "Palette", "fingerprint", "mix"]

Colour = tuple[int, int, int]


def fingerprint(*parts: object) -> int:
    """A number from 0 to 2**32 - 1 that stands for these values."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:4], "big")


class Dice:
    """A stream of numbers that is wholly given by the values that it is made from."""

    def __init__(self, *parts: object) -> None:
        self._key = hashlib.sha256("\x1f".join(str(part) for part in parts).encode("utf-8")).digest()
        self._count = 0

    def roll(self, low: float, high: float) -> float:
        """The next number between the two."""
        block = hashlib.sha256(self._key + self._count.to_bytes(8, "big")).digest()
        self._count += 1
        return low + (high - low) * int.from_bytes(block[:6], "big") / 2**48

    def pick(self, count: int) -> int:
        """The next integer from 0 to count - 1."""
        return int(self.roll(0, count))


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one picture, from the far sky to the hair of the person in front of it."""

    sky: Colour
    horizon: Colour
    glow: Colour
    far: Colour
    near: Colour
    cloth: Colour
    trim: Colour
    skin: Colour
    hair: Colour
    ink: Colour

    @classmethod
    def of(cls, *parts: object) -> Palette:
        """The palette that belongs to these values."""
        dice = Dice("palette", *parts)
        hue = dice.roll(0, 1)
        turn = (0.1, 0.3, 0.42, 0.55, 0.66, 0.88)[dice.pick(6)]
        other = hue + turn
        return cls(
            sky=_hsl(hue, 0.42, dice.roll(0.22, 0.34)),
            horizon=_hsl(hue + 0.06, 0.55, dice.roll(0.62, 0.72)),
            glow=_hsl(other + 0.02, 0.85, 0.82),
            far=_hsl(hue + 0.03, 0.32, 0.42),
            near=_hsl(hue - 0.02, 0.36, 0.27),
            cloth=_hsl(other, dice.roll(0.38, 0.6), dice.roll(0.32, 0.46)),
            trim=_hsl(other + 0.05, 0.7, 0.7),
            skin=_hsl(0.07 + dice.roll(-0.015, 0.015), dice.roll(0.34, 0.5), dice.roll(0.5, 0.8)),
            hair=_hsl(0.05 + dice.roll(-0.04, 0.08), dice.roll(0.2, 0.6), dice.roll(0.1, 0.36)),
            ink=_hsl(hue, 0.35, 0.1),
        )


def mix(first: Colour, second: Colour, ratio: float) -> Colour:
    """The colour between two: 0 is the first, 1 the second."""
    r, g, b = (round(x + (y - x) * ratio) for x, y in zip(first, second, strict=True))
    return r, g, b


def _hsl(hue: float, saturation: float, lightness: float) -> Colour:
    r, g, b = colorsys.hls_to_rgb(hue % 1.0, lightness, saturation)
    return round(r * 255), round(g * 255), round(b * 255)
