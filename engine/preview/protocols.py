"""The protocols that the preview speaks, by the names that a back end's description may give as its `preview`.

This module knows which there are. A new one is a package beside `sdapi` and a line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from engine.preview.comfyui.answers import ComfyUi
from engine.preview.messages import Settings, Speaker
from engine.preview.sdapi.answers import Answers
from engine.preview.sdapi.dialects import A1111, FORGE
from engine.preview.sdnext.answers import SdNext

__all__ = ["PROTOCOLS", "Spoken"]


class Spoken(NamedTuple):
    """One protocol: whose it is, in a few words for people, and what speaks it."""

    title: str
    speaker: Callable[[Settings], Speaker]


PROTOCOLS: Final[Mapping[str, Spoken]] = {
    "sdapi": Spoken("AUTOMATIC1111's API (/sdapi/v1)", partial(Answers, A1111)),
    "sdapi-forge": Spoken("Forge's API (/sdapi/v1)", partial(Answers, FORGE)),
    "sdapi-sdnext": Spoken("SD.Next's API (/sdapi/v1)", SdNext),
    "comfyui": Spoken("ComfyUI's API (/prompt, /history, /ws)", ComfyUi),
}
