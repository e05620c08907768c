"""Drawing the seeds that a config leaves open (-1), so that a run can be repeated.

A base config's seed is drawn once a run, a stage's own anew for the stage. A dry run draws from a digest of the
plan: the same plan always shows the same values. This module knows that a drawn value is a whole number in the
range that the field's schema allows, and nothing else about fields.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping

from engine.rules.resolve import Draw
from engine.values import Json

__all__ = ["Seeds"]


class Seeds:
    """One run's source of drawn values."""

    def __init__(
        self, schemas: Mapping[str, Mapping[str, Json]], *, dry: str | None = None, leave: bool = False
    ) -> None:
        """Take the fields' schemas. `dry`: the digest to draw from in a dry run; `leave`: the server draws."""
        self._schemas, self._dry, self._leave = schemas, dry, leave
        self._base: dict[str, int] = {}

    def for_stage(self, stage_id: str) -> Draw:
        """The draw for one stage."""

        def draw(name: str, own: bool) -> int | None:
            if self._leave:
                return None
            if own:
                return self._drawn(name, f"stage {stage_id}")
            return self._base.setdefault(name, self._drawn(name, "base"))

        return draw

    def _drawn(self, name: str, label: str) -> int:
        maximum = self._schemas[name].get("maximum")
        size = maximum + 1 if isinstance(maximum, int) else 2**32
        if self._dry is None:
            return secrets.randbelow(size)
        return int.from_bytes(hashlib.sha256(f"{self._dry}/{label}/{name}".encode()).digest()[:16]) % size
