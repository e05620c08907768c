"""One stage's request: what the runner hands to a client. Plain data; it knows neither plans nor back ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.images import Image
from engine.rules.resolve import Origin
from engine.tables.concrete import Value

__all__ = ["GenerateImagesRequest"]


@dataclass(frozen=True, slots=True)
class GenerateImagesRequest:
    """What one stage asks for, in the fields of the specification, before any back end's words.

    `fields`: every field that the stage type sees, checked against its request contract; images are handles.
    `input_images`: the pictures that come in, in order; empty for a stage type that takes none.
    `groups`: the groups of fields that are on; a client finds them from the switches in `fields`.
    `origins`: where each value comes from, for messages.
    `on_unsupported`: what becomes of what the back end cannot do: the request is refused, or it is left out with a
    warning.
    """

    stage_id: str
    stage_type: str
    fields: Mapping[str, Value]
    input_images: tuple[Image, ...] = ()
    groups: frozenset[str] = frozenset()
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)
    on_unsupported: Literal["refuse", "warn"] = "refuse"

    @property
    def payload(self) -> dict[str, Value]:
        """The request as the request contract sees it: the fields, and the pictures if there are any."""
        images: list[Value] = list(self.input_images)
        return {**self.fields, "input_images": images} if images else dict(self.fields)
