"""Servers on loopback that show a whole pipeline without a model, a GPU or a network.

This package knows the servers that it stands for, down to their wire names; nothing else under `engine` does, and
nothing else needs Pillow. Importing `engine` does not import it. See `PreviewServer`.

Each protocol is a package of its own (`sdapi`, `sdnext`, `comfyui`): it reads requests, resolves them as the real
server does, and says in that server's words what it did. What is drawn, and how, is the same for all of them.
"""

from __future__ import annotations

from engine.preview.faults import STAGES, Fault, read_fault
from engine.preview.messages import Answered
from engine.preview.protocols import PROTOCOLS
from engine.preview.received import Seen
from engine.preview.server import PreviewServer
from engine.preview.stand_in import preview_of

__all__ = ["PROTOCOLS", "STAGES", "Answered", "Fault", "PreviewServer", "Seen", "preview_of", "read_fault"]
