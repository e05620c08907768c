"""docs/fields.md: every field has a row that says what the rules and the tables say; stale is a finding."""

from __future__ import annotations

import re
from pathlib import Path

from engine.backends.catalog import Catalog
from engine.markup import as_markdown
from engine.reference.field_facts import TableUses, field_facts, known_names
from engine.reference.field_reference import field_reference_text
from engine.reference.generated import stale_findings

ROOT = Path(__file__).resolve().parents[2]
CATALOG = Catalog()
PAGE = field_reference_text(CATALOG)


def rows() -> list[list[str]]:
    """The cells of every row, but for heads and rules."""
    lines = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| Field", "| ---"))]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_it_is_fresh() -> None:
    assert (ROOT / "docs" / "fields.md").read_text(encoding="utf-8") == PAGE
    assert stale_findings(CATALOG) == []


def test_every_field_and_entry_has_one_row_with_as_many_cells_as_there_are_columns() -> None:
    named = [row[0].split("`")[1] for row in rows()]
    names = dict.fromkeys(known_names(CATALOG.rules).values())
    assert sorted(named) == sorted(name.rpartition(".")[2] for name in names)
    assert {len(row) for row in rows()} == {4 + len(CATALOG.names())}


def test_a_row_says_what_a_back_end_makes_of_the_field() -> None:
    column = 4 + CATALOG.names().index("a1111")
    by_name = {row[0].split("`")[1]: row for row in rows()}
    assert by_name["hires_denoise"][1:4] == ["number, 0 to 1", "`0.3`", "`hires_denoise_strength`"]
    assert by_name["hires_denoise"][column] == "`denoising_strength`"
    assert by_name["hires_upscale_factor"][column] == "`hr_scale` (txt2img)<br>`width`, `height` (hires)"
    assert by_name["stage_type"][column] == "dropped: the endpoint says it"
    assert by_name["refiner_switch_step"][column] == "as `refiner_switch_at`"
    assert by_name["upscaler_name"][2] == "*required*"


def test_what_cannot_be_done_is_said() -> None:
    uses = TableUses(CATALOG)
    names = dict.fromkeys(known_names(CATALOG.rules).values())
    for name in names:
        for use in uses.of(field_facts(CATALOG.rules, name)):
            for reason in use.reasons("cannot"):
                assert f"cannot: {as_markdown(reason)}" in PAGE
