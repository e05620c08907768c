"""The server's rate limit: so many points a minute for each path, of which a generation costs five.

This module counts (recorded at the default of 300: the 62nd generation is refused, and the 300th of anything else) and
reads a clock. A generation that is refused has run all the same: that is how the real server does it.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

__all__ = ["RateLimit"]

_WINDOW = 60.0


class RateLimit:
    """Counts requests by path. Safe between threads. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def exceeded(self, path: str, limit: int, *, generates: bool) -> bool:
        """Count a request; whether it is one too many. A limit of 0 is none."""
        if limit <= 0:
            return False
        allowed = limit // 5 + 1 if generates else limit - 1
        now = self._clock()
        with self._lock:
            seen = self._seen.setdefault(path, deque())
            while seen and seen[0] <= now - _WINDOW:
                seen.popleft()
            if len(seen) >= allowed:
                return True
            seen.append(now)
        return False
