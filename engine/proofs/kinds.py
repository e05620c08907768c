"""What a field's value may be the name of: a checkpoint, a sampler, a VAE and so on.

A field says it in request.yaml (`names: checkpoints`); a server tells which of them it has, and people may call them by
names of their own. This module knows the kinds and their words, and no field.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["KINDS"]

#: Every kind, with the word for one of it. `detectors` find faces and the like; `scripts` are a server's extensions.
KINDS: Final[Mapping[str, str]] = {
    "checkpoints": "checkpoint",
    "samplers": "sampler",
    "schedulers": "scheduler",
    "upscalers": "upscaler",
    "vaes": "VAE",
    "loras": "LoRA",
    "detectors": "detector",
    "scripts": "script",
}
