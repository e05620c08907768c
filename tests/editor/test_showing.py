"""Tables shown to people: written back as what they would write, line by line with places, in a pipe and folded."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from engine.backends.catalog import Catalog
from engine.documents import parse_yaml
from engine.editing.outline import flat, outline
from engine.editing.writing import flow_text, written, written_condition
from engine.tables.expressions import ExpressionReader
from engine.tables.forms import Expression, Lookup, LookupTable, Table
from engine.tables.traverse import rows_in, rows_of, sections_of
from tests.cli.test_command import run
from tests.tables.cases import BACKEND, GOOD, cases

CATALOG = Catalog()


@pytest.fixture(scope="module")
def all_tables(tmp_path_factory: pytest.TempPathFactory) -> list[Table]:
    """Every table of the project, and every good one of the cases."""
    tmp_path = tmp_path_factory.mktemp("tables")
    found = [CATALOG.table(name, stage) for name in CATALOG.names() for stage in CATALOG.stages(name)]
    for case in cases(GOOD):
        catalog = Catalog([case.lay_out(tmp_path / case.name)])
        found.append(catalog.table(BACKEND, case.read("inputs.yaml")["stage"]))
    return found


def shape(part: Any, lookups: Any) -> Any:
    """A form without its places; a lookup that was written in place as its entries."""
    if isinstance(part, Lookup) and " " in part.table:
        return ("in place", part.partial, lookups[part.table].entries)
    if dataclasses.is_dataclass(part) and not isinstance(part, type):
        values = [shape(getattr(part, f.name), lookups) for f in dataclasses.fields(part) if f.name != "at"]
        return (type(part).__name__, *values)
    return [shape(item, lookups) for item in part] if isinstance(part, tuple) else part


def read_back(text: str) -> tuple[Expression, dict[str, LookupTable]]:
    document = parse_yaml(f"row: {text}\n", "shown.yaml")
    assert isinstance(document.value, dict)
    reader = ExpressionReader(document)
    expression = reader.expression(("row",), document.value["row"])
    assert reader.findings == []
    return expression, reader.lookups


def test_what_is_shown_of_a_row_reads_back_as_the_row(all_tables: list[Table]) -> None:
    seen = 0
    for table in all_tables:
        for row in rows_of(table.flow):
            text = flow_text(written(row.expression, table.lookups))
            expression, lookups = read_back(text)
            assert shape(expression, lookups) == shape(row.expression, table.lookups), text
            seen += 1
    assert seen > 300


def test_what_is_shown_of_a_condition_reads_back_as_the_condition(all_tables: list[Table]) -> None:
    seen = 0
    for table in all_tables:
        for section in sections_of(table.flow):
            if section.when is not None:
                document = parse_yaml(f"when: {flow_text(written_condition(section.when))}\n", "shown.yaml")
                assert isinstance(document.value, dict)
                reader = ExpressionReader(document)
                again = reader.condition(("when",), document.value["when"])
                assert shape(again, {}) == shape(section.when, {})
                seen += 1
    assert seen > 10


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("steps", "steps"),
        ("Latent (nearest-exact)", "Latent (nearest-exact)"),
        ("", '""'),
        ("true", '"true"'),
        ("1", '"1"'),
        (" a", '" a"'),
        ("a: b", '"a: b"'),
        ("a #b", '"a #b"'),
        ("on", "on"),
        (True, "true"),
        (None, "null"),
        (0.5, "0.5"),
        ([1, "a"], "[1, a]"),
        ({"": "None"}, '{"": None}'),
    ],
)
def test_a_value_on_one_line(value: Any, text: str) -> None:
    assert flow_text(value) == text
    document = parse_yaml(f"x: {text}\n", "x.yaml").value
    assert isinstance(document, dict)
    assert document["x"] == value


def test_every_row_and_drop_has_one_line_with_its_place(all_tables: list[Table]) -> None:
    for table in all_tables:
        lines = list(outline(table))
        places = sorted(line.at for line in lines if line.kind in ("row", "drop"))
        sections = list(sections_of(table.flow))
        parts = [part for s in sections for part in (*rows_in(s), *s.nodes, *s.sets, *s.drops)]
        assert places == sorted(part.at for part in parts)
        assert sorted(line.at for line in flat(table)) == places
        assert {line.depth for line in lines if line.kind == "else"} <= {len(line.under) for line in lines}


def test_conditions_stand_on_each_flat_line() -> None:
    by_text = {(line.name, line.text): line.under for line in flat(CATALOG.table("a1111", "upscale"))}
    assert by_text["upscaling_resize_w", "upscale_width"] == (
        "when {all: [{upscale_width: present}, {upscale_height: present}]}",
    )
    assert by_text["upscaling_resize", "upscale_factor"] == (
        "when not {all: [{upscale_width: present}, {upscale_height: present}]}",
    )


def test_show_prints_places_and_who_took_rows_over(tmp_path: Path) -> None:
    done = run("show", "a1111/hires", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "a1111/hires  meets the contract a1111/img2img"
    assert "rows of other files are taken over by mappings/a1111/hires.yaml:5" in lines
    assert any(line.startswith("steps: {first: [hires_steps, steps]}  [mappings/a1111/hires.yaml:") for line in lines)
    assert any(line.startswith("cfg_scale: cfg_scale  [mappings/a1111/_common.yaml:") for line in lines)
    assert any(line.startswith("  resize_mode: {value: 3}  [") for line in lines)
    assert any(line.startswith("stage_type: dropped, the endpoint says it  [") for line in lines)


def test_show_flat_is_one_line_a_row_for_grep(tmp_path: Path) -> None:
    done = run("show", "a1111/upscale", "--flat", cwd=tmp_path)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("upscaling_resize: ")]
    assert "when not {all:" in line
    assert line.endswith("]")
    rows = [line.split(":")[0] for line in done.stdout.splitlines() if "[mappings/" in line and "dropped" not in line]
    assert rows == sorted(rows)


def test_show_as_json(tmp_path: Path) -> None:
    data = json.loads(run("show", "a1111/hires", "--json", cwd=tmp_path).stdout)
    assert data["contract"] == "a1111/img2img"
    (width,) = [line for line in data["lines"] if line["name"] == "width"]
    assert width["kind"] == "row"
    assert width["at"]["file"] == "mappings/a1111/hires.yaml"
    assert ["karras", "Karras"] in data["lookups"]["schedulers"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a1111/txt2im", "did you mean 'txt2img'?"),
        ("a1112/txt2img", "did you mean 'a1111'?"),
        ("/", "there are: "),
    ],
)
def test_a_name_that_is_none_is_a_matter_of_usage(tmp_path: Path, name: str, said: str) -> None:
    done = run("show", name, cwd=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
