"""What the tests of resolving share: two configs in, the request's fields or the words of the refusal out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from engine.backends.catalog import Catalog
from engine.errors import Finding, PlanError
from engine.rules.resolve import Draw, Layer, Resolution, resolve

__all__ = ["ABSENT", "CATALOG", "RULES", "fields", "findings", "refused", "resolution"]

CATALOG = Catalog()
RULES = CATALOG.rules

#: What a test writes for a field that the request must not hold.
ABSENT: Any = object()

Config = Mapping[Any, Any]


def _left_alone(name: str, own: bool) -> int | None:
    return None


def resolution(
    stage: str, base: Config | None = None, own: Config | None = None, draw: Draw = _left_alone
) -> Resolution:
    layers = (Layer("base_config", {} if base is None else base), Layer("stage_config", {} if own is None else own))
    return resolve(RULES, RULES.stages[stage], *layers, draw)


def fields(
    stage: str, base: Config | None = None, own: Config | None = None, draw: Draw = _left_alone
) -> dict[str, Any]:
    """The fields of the request; a missing one reads as ABSENT."""

    class Fields(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            return ABSENT

    return Fields(resolution(stage, base, own, draw).fields)


def findings(stage: str, base: Config | None = None, own: Config | None = None) -> tuple[Finding, ...]:
    with pytest.raises(PlanError) as refusal:
        resolution(stage, base, own)
    return refusal.value.findings


def refused(stage: str, base: Config | None = None, own: Config | None = None) -> str:
    """The words of a refusal, its hint on a line of its own."""
    return "\n".join(f"{f.code}: {f.message}" + (f"\n  {f.hint}" if f.hint else "") for f in findings(stage, base, own))
