"""How a run goes on: a bar that fills on a terminal, lines and nothing that moves in a pipe."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from engine.cli.stage_table import StageRow, stage_table
from engine.results import StageResult
from engine.testing import picture


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(row: StageRow, now: float, *, width: int = 100) -> str:
    """The table of one stage, as a terminal without colour shows it."""
    file = _Terminal()
    file.encoding  # noqa: B018 - StringIO has one that says nothing; rich takes utf-8 then
    console = Console(
        file=file, width=width, force_terminal=True, no_color=True, color_system=None, legacy_windows=False
    )
    console.print(stage_table([row], now, console))
    return file.getvalue()


def running(ratio: float | None, began: float = 0.0) -> StageRow:
    return StageRow(1, "draw", "txt2img", True, began=began, ratio=ratio)


@pytest.mark.parametrize("width", [100, 60, 40])
@pytest.mark.parametrize(
    ("ratio", "now", "told"),
    [
        (0.0, 0.2, "0%"),
        (0.25, 0.5, "25%"),
        (0.25, 10.0, "25%, ~30 s left"),
        (0.04, 10.0, "4%"),
        (1.0, 10.0, "100%, ~0 s left"),
    ],
)
def test_a_running_stage_says_how_far_it_is(width: int, ratio: float, now: float, told: str) -> None:
    text = shown(running(ratio), now, width=width)
    assert told in text
    assert ("left" in told) == ("left" in text)
    assert max(map(len, text.splitlines())) <= width


def test_the_bar_fills() -> None:
    filled = [shown(running(ratio), 1.0).count("━") for ratio in (0.0, 0.5, 1.0)]
    assert filled == sorted(set(filled))


def test_a_stage_of_which_nothing_is_known_has_no_bar() -> None:
    text = shown(running(None), 5.0)
    assert "%" not in text
    assert "━" not in text
    assert "running" in text


def test_what_a_stage_gave_takes_the_place_of_the_bar() -> None:
    result = StageResult("draw", "txt2img", "completed", images=(picture(8, 8),), seeds=(7,), duration=2.0)
    row = StageRow(1, "draw", "txt2img", True, began=0.0, ratio=1.0, result=result)
    text = shown(row, 5.0)
    assert "8x8" in text
    assert "%" not in text
