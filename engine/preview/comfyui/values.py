"""What flows along the links of a graph: pictures with their story, masks, models, prompts.

This module knows these values and how a picture's story becomes its caption. A picture remembers what was done to it
in this graph; when it is saved, that becomes one line, as one stage gives one line with every other server. It knows
no nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from PIL import Image

from engine.preview.captions import draw_caption
from engine.preview.dice import Palette
from engine.preview.notes import Note
from engine.preview.retouch import Touch, touch_up
from engine.preview.scene import Recipe

__all__ = [
    "Clip",
    "Conditioning",
    "Detector",
    "Inputs",
    "ModelValue",
    "Pictures",
    "Shot",
    "UpscaleModel",
    "Vae",
    "as_batch",
    "as_mask",
    "as_number",
]

#: What a node is given: values of the graph, and what flows in along its links.
Inputs = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ModelValue:
    """A checkpoint's model: its short name, and the LoRAs on it as text."""

    name: str
    loras: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clip:
    """A text encoder, and at which layer it stops (-1 is the last)."""

    name: str
    stop: int = -1


@dataclass(frozen=True, slots=True)
class Vae:
    """A VAE; `name` is None for the one in a checkpoint."""

    name: str | None


@dataclass(frozen=True, slots=True)
class Conditioning:
    """A prompt, as a text encoder read it."""

    text: str


@dataclass(frozen=True, slots=True)
class UpscaleModel:
    """A network that enlarges, by a fixed factor."""

    name: str
    factor: int


@dataclass(frozen=True, slots=True)
class Detector:
    """A detector of faces, hands, persons."""

    name: str


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture (or latent) on its way. Never changed: each step makes a new one.

    `image` is None for a latent that is still empty; `size` is in pixels. `note` is what the file said from which the
    picture came. `words` are what was done in this graph; `recipe` is how it was sampled last, in this graph. `touches`
    are detail units that go on top of the caption. `began` and `until` are steps: of a sampling that was left
    unfinished, out of `steps`.
    """

    image: Image.Image | None
    size: tuple[int, int]
    note: Note = field(default_factory=Note)
    words: tuple[str, ...] = ()
    recipe: Recipe | None = None
    touches: tuple[Touch, ...] = ()
    drawn: bool = False
    unfinished: tuple[int, int, int] | None = None

    def pixels(self) -> Image.Image:
        """The picture as it is, detail units included; grey where nothing was sampled yet."""
        image = Image.new("RGB", self.size, (127, 127, 127)) if self.image is None else self.image.copy()
        for touch in self.touches:
            touch_up(image, touch, self.note.composition, 0.0 if self.drawn else self.note.covered)
        return image

    def with_image(self, image: Image.Image, *words: str, drawn: bool = True) -> Shot:
        """Another picture, and words for what was done. Detail units are part of the old one from here on."""
        touches = self.touches if image is self.image else ()
        return replace(
            self,
            image=image,
            size=image.size,
            words=(*self.words, *words),
            touches=touches,
            drawn=self.drawn or drawn,
        )

    def developed(self) -> tuple[Image.Image, Note]:
        """The picture with its caption, as it is saved, and the note that goes with it."""
        note, image = self.note, self.pixels() if self.image is None or not self.touches else self.image.copy()
        if self.recipe is not None:
            note = note.with_prompts(self.recipe.prompt, self.recipe.negative)
        if self.words and self.drawn:
            note = note.with_line(" · ".join(self.words))
            palette = Palette.of(note.prompt, note.negative, "") if self.recipe is None else self.recipe.palette
            image = image.copy()
            note = draw_caption(image, note, palette.trim)
        found = [
            f"{touch.number + 1} {touch.detector} denoise {touch.strength:g}"
            for touch in self.touches
            if touch_up(image, touch, note.composition, note.covered) is not None
        ]
        return image, note.with_line("adetailer " + " · ".join(found)) if found else note


@dataclass(frozen=True, slots=True)
class Pictures:
    """A batch: of pictures, or of latents. `mask` (mode L, white may change) bounds the next sampling of latents."""

    shots: tuple[Shot, ...]
    mask: Image.Image | None = None


def as_batch(value: object) -> Pictures:
    """A batch that a checked graph gives. TypeError for anything else."""
    if not isinstance(value, Pictures):
        raise TypeError(f"a batch is wanted here, not a {type(value).__name__}")
    return value


def as_mask(value: object) -> Image.Image:
    """A mask that a checked graph gives. TypeError for anything else."""
    if not isinstance(value, Image.Image):
        raise TypeError(f"a mask is wanted here, not a {type(value).__name__}")
    return value


def as_number(value: object) -> float:
    """A number that a checked graph gives. TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"a number is wanted here, not a {type(value).__name__}")
    return value
