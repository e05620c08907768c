"""One table file as it is written: its own flow, and what it says of the table that it extends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.errors import Position
from engine.tables.forms import LookupTable, Row, Section, Target

__all__ = ["TableSource"]


@dataclass(frozen=True, slots=True)
class TableSource:
    """One table file as written, before inheritance."""

    name: str
    at: Position
    payload: str | None
    graph: str | None
    extends: str | None
    extends_at: Position
    flow: tuple[Section, ...]
    lookups: Mapping[str, LookupTable] = field(default_factory=dict)
    replaced_lookups: Mapping[str, LookupTable] = field(default_factory=dict)
    replaced: tuple[Row, ...] = ()
    removed: Mapping[Target, Position] = field(default_factory=dict)
    undropped: Mapping[str, Position] = field(default_factory=dict)
