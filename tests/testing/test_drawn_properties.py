"""The properties that a folder's tests try: what they find, and how they tell it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from engine.backends.catalog import Backend, Catalog
from engine.client import PreparedRequest
from engine.images import Image
from engine.request import GenerateImagesRequest
from engine.testing import properties
from engine.testing.naive import Naive, Resolved
from engine.testing.properties import broken_contract, unequal_bodies

OWN = Path(__file__).resolve().parents[1] / "own_backend"
EXAMPLES = Catalog([OWN.parents[1] / "examples/backends"])


class Mistaken(Naive):
    """Reads a wide frame as one of another wood."""

    def build(self, stage: str, resolved: Resolved, images: Sequence[Image]) -> list[dict[str, Any]]:
        bodies = super().build(stage, resolved, images)
        if resolved.fields["frame_width"] > 12:
            bodies[-1]["frame"]["wood"] = "plastic"
        return bodies


class Broken:
    """Builds a wide frame of a wood that there is none of."""

    @staticmethod
    def of(backend: Backend, request: GenerateImagesRequest) -> PreparedRequest:
        made = PreparedRequest.of(backend, request)
        if request.fields["frame_width"] <= 12:  # type: ignore[operator]
            return made
        frame = {"wood": "plastic", "width": 13}
        return replace(made, calls=tuple(replace(call, body={**call.body, "frame": frame}) for call in made.calls))


def test_a_folder_that_is_right_has_nothing_wrong() -> None:
    catalog = Catalog([OWN])
    assert broken_contract(catalog, "easel", "frame") is None
    assert unequal_bodies(catalog, "easel", "frame") is None


def test_a_difference_is_told_with_the_least_config_that_shows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "Naive", Mistaken)
    told = unequal_bodies(Catalog([OWN]), "easel", "frame")
    assert told is not None
    difference, base, own = told.splitlines()
    assert re.match("call/[01]/frame/wood: ", difference)
    assert '"plastic" where the files are read plainly, "oak" as it is built' in difference
    kept = (base.removeprefix("base_config: "), own.removeprefix("stage_config: "))
    assert sorted(kept)[1] == "{}", "one config is not needed at all"
    assert sorted(kept)[0].startswith('{"frame_width": ')
    assert sorted(kept)[0].count(":") == 1


def test_a_broken_contract_is_told_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(properties, "PreparedRequest", Broken)
    told = broken_contract(Catalog([OWN]), "easel", "frame")
    assert told is not None
    assert told.startswith("frame/wood must be one of 'oak', 'walnut', not 'plastic'")
    assert "frame_width" in told


@pytest.mark.parametrize("stage", EXAMPLES.stages("renderfarm"))
def test_the_example_back_ends_are_read_plainly_too(stage: str) -> None:
    assert unequal_bodies(EXAMPLES, "renderfarm", stage) is None


def test_the_same_configs_are_tried_every_time() -> None:
    one, other = (properties._examples(Catalog([OWN]), "frame", 10) for _ in range(2))
    assert len(one) == 10
    assert one == other
