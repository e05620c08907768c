"""Answers as AUTOMATIC1111 gives them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

__all__ = ["generation"]


def generation(
    *images: str, seeds: Iterable[object] | None = None, first: object = 0, **info: object
) -> dict[str, Any]:
    """An answer as the real server writes it: images as base64 text, and its account of them as JSON in a text."""
    every = [7] * len(images) if seeds is None else list(seeds)
    told = {"prompt": "x", "seed": 7, "all_seeds": every, "index_of_first_image": first, **info}
    return {"images": list(images), "parameters": {"prompt": "x"}, "info": json.dumps(told)}
