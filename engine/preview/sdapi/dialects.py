"""AUTOMATIC1111 and Forge side by side: one dialect each of what is otherwise the same server.

A dialect is data: how it says no, which fields it takes, what it has. The rules by which both read a sampler's name
stand here too, since they are rules over that data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from engine.preview.sdapi import catalog
from engine.preview.sdapi.fields import FIELDS_OF_A1111, FIELDS_OF_FORGE, Declared
from engine.preview.sdapi.shapes import Shape, shape_of_a1111, shape_of_forge
from engine.values import Json

__all__ = ["A1111", "FORGE", "Dialect"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """One server of the family.

    `samplers` maps names to their alias and the scheduler that they take when that is Automatic; `schedulers` maps
    names to label, default rho and whether they need the inner model. `has_modules`: VAEs and text encoders are
    modules, named in a list, and hires asks for some of its own. `without_pictures` is the exception (class and text)
    that escapes from img2img where the list of pictures is empty, `not_a_layer` the one for a CLIP skip that is none.
    """

    shape: Shape
    fields: Declared
    samplers: Mapping[str, tuple[str, str | None]]
    schedulers: Mapping[str, tuple[str, float, bool]]
    always_on: Mapping[str, Sequence[str]]
    options: Mapping[str, Json]
    has_modules: bool
    without_pictures: tuple[str, str]
    not_a_layer: tuple[str, str]

    def find_sampler(self, sampler: str, scheduler: str | None) -> tuple[str, str]:
        """The sampler and scheduler that really run: names, labels and joined names are read as the server reads them.

        An unknown sampler silently runs as the first one, an unknown scheduler as Automatic. The server's faults are
        kept: "Euler SGM Uniform" is split after "Euler SGM", which it does not know.
        """
        labels = {label: name for name, (label, _, _) in self.schedulers.items()}
        found = "automatic"
        if scheduler is not None:
            found = scheduler if scheduler in self.schedulers else labels.get(scheduler, "automatic")
        for name, (label, _, _) in self.schedulers.items():
            for ending in (f" {label}", f" {name}"):
                if sampler.endswith(ending):
                    sampler, found = sampler.removesuffix(ending), name
                    break
        if sampler not in self.samplers:
            sampler = next(iter(self.samplers))
        own = self.samplers[sampler][1]
        if found == "automatic" and own is not None:
            found = own
        return sampler, self.schedulers[found][0]


A1111: Final = Dialect(
    shape_of_a1111,
    FIELDS_OF_A1111,
    catalog.SAMPLERS,
    catalog.SCHEDULERS,
    catalog.ALWAYS_ON_SCRIPTS,
    catalog.OPTIONS,
    has_modules=False,
    without_pictures=(
        "RuntimeError",
        "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [0]",
    ),
    not_a_layer=("TypeError", "bad operand type for unary -: '{kind}'"),
)

FORGE: Final = Dialect(
    shape_of_forge,
    FIELDS_OF_FORGE,
    catalog.FORGE_SAMPLERS,
    catalog.FORGE_SCHEDULERS,
    catalog.FORGE_ALWAYS_ON_SCRIPTS,
    catalog.FORGE_OPTIONS,
    has_modules=True,
    without_pictures=("IndexError", "Dimension out of range (expected to be in range of [-1, 0], but got 1)"),
    not_a_layer=("ValueError", "invalid literal for int() with base 10: {value!r}"),
)
