"""The token by which a host stops a run. Of a token that is not ours, only `is_cancelled()` is relied on."""

from __future__ import annotations

import threading
from typing import Protocol

__all__ = ["CancelToken", "Cancellable"]


class Cancellable(Protocol):
    """Anything that can be asked whether to stop."""

    def is_cancelled(self) -> bool:
        """Whether to stop."""


class CancelToken:
    """Stops a run from any thread. Once cancelled, it stays so."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask the run to stop."""
        self._event.set()

    def is_cancelled(self) -> bool:
        """Whether somebody asked to stop."""
        return self._event.is_set()
