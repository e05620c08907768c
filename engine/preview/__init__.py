"""A server on loopback that shows a whole pipeline without a model, a GPU or a network.

This package knows one family of servers, /sdapi/v1, down to its wire names; nothing else under `engine` does, and
nothing else needs Pillow. Importing `engine` does not import it. See `PreviewServer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.preview.received import Seen
from engine.preview.server import PreviewServer

__all__ = ["PROTOCOLS", "PreviewServer", "Seen"]

#: The protocols that a back end's description may name as its `preview`, and what speaks each.
PROTOCOLS: Final[Mapping[str, type[PreviewServer]]] = {"sdapi": PreviewServer}
