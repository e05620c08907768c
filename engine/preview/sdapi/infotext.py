"""The text that says how a picture was made, as the server writes it and reads it back.

This module knows the format of infotexts (A1111 1.10.1): the prompt, the negative prompt, then one line of
`Key: value` pairs, quoted where a value holds a comma, a colon or a line break. It knows nothing about requests
or pictures.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from engine.values import Json

__all__ = ["compose", "join_pairs", "parse"]

_NEGATIVE: Final = "Negative prompt:"
_PAIR: Final = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_SIZE: Final = re.compile(r"^(\d+)x(\d+)$")

#: What the server adds for keys that the text lacks (recorded).
_ADDED: Final[dict[str, Json]] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}


def join_pairs(pairs: Mapping[str, Json]) -> str:
    """`Key: value` pairs in their order; null is left out, a value that would be misread is quoted."""
    return ", ".join(f"{key}: {_quoted(value)}" for key, value in pairs.items() if value is not None)


def compose(prompt: str, negative: str, pairs: Mapping[str, Json]) -> str:
    """The infotext of one picture."""
    second = f"\nNegative prompt: {negative}" if negative else ""
    return f"{prompt}{second}\n{join_pairs(pairs)}".strip()


def parse(text: str) -> dict[str, Json]:
    """What png-info calls `parameters`: the pairs, the prompts, and the server's own additions."""
    lines = text.strip().split("\n")
    found: dict[str, Json] = {}
    last = lines[-1]
    if len(_PAIR.findall(last)) < 3:
        last = ""
    else:
        lines = lines[:-1]
    for key, raw in _PAIR.findall(last):
        value = _unquoted(raw)
        if size := _SIZE.match(value):
            found[f"{key}-1"], found[f"{key}-2"] = size[1], size[2]
        else:
            found[key] = value
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in lines:
        stripped = line.strip()
        if stripped.startswith(_NEGATIVE):
            into, stripped = negative, stripped.removeprefix(_NEGATIVE).strip()
        into.append(stripped)
    found["Prompt"], found["Negative prompt"] = "\n".join(prompt), "\n".join(negative)
    return {**found, **{key: value for key, value in _ADDED.items() if key not in found}}


def _quoted(value: Json) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",\n:") else text


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text
