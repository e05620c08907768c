"""Models by name: what a server would know of a checkpoint, as far as a preview needs it.

**A preview has every model.** A checkpoint, refiner, VAE or detector is taken as present under the name that was asked
for, because the plan of a newcomer names the models of a real machine. Servers can be told to lack some.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["MODELS", "VAES", "Model", "model_from", "short_names"]

#: What lists of models show.
MODELS: Final = ("preview-sd15.safetensors", "preview-sdxl.safetensors", "preview-refiner.safetensors")

VAES: Final = ("preview.vae.safetensors",)

_HASHED: Final = re.compile(r"(?P<name>.+?)\s*\[(?P<hash>[0-9a-fA-F]{6,64})\]")
_MODEL_FILE: Final = re.compile(r"\.(safetensors|ckpt|pt|pth)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Model:
    """A checkpoint: its name without folder end and extension, and a short hash (made from the name)."""

    name: str
    hash: str

    @property
    def label(self) -> str:
        """As infotexts name a refiner: "name [hash]"."""
        return f"{self.name} [{self.hash}]"


def model_from(asked: str) -> Model:
    """The model of a bare name, a file name or a title "name.safetensors [hash]"; a hash that is given is kept."""
    titled = _HASHED.fullmatch(asked)
    name = _MODEL_FILE.sub("", titled["name"] if titled else asked)
    return Model(name, titled["hash"].lower() if titled else hashlib.sha256(name.encode()).hexdigest()[:10])


def short_names(names: Iterable[str]) -> frozenset[str]:
    """The names as they were written, and each without extension and hash."""
    return frozenset(name for asked in names for name in (asked, model_from(asked).name))
