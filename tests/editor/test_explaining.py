"""What `explain` tells of a field: its rules, who sees it, what each back end makes of it, and where that stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.backends.catalog import Catalog
from engine.editing.uses import uses_of
from engine.proofs.coverage import PICTURE
from engine.reference.field_facts import TableUse, TableUses, field_facts, known_names
from engine.tables.traverse import names_in, rows_of
from tests.cli.test_command import run

ROOT = Path(__file__).resolve().parents[2]
CATALOG = Catalog()
RULES = CATALOG.rules
USES = TableUses(CATALOG)


def uses_in_tables(name: str) -> list[TableUse]:
    return list(USES.of(field_facts(RULES, name)))


@pytest.mark.parametrize("name", sorted(set(known_names(RULES).values())))
def test_facts_can_be_told_of_every_field_and_entry(name: str) -> None:
    facts = field_facts(RULES, name)
    assert facts.name == name
    assert facts.schema.get("description"), f"{name} has no description"
    assert facts.stages, f"no stage type sees {name}"
    assert facts.declared


def test_every_name_that_a_row_mentions_is_found_as_its_use() -> None:
    """Held against the plain list of names, which knows nothing of targets."""
    for backend in CATALOG.names():
        for stage in CATALOG.stages(backend):
            table = CATALOG.table(backend, stage)
            uses = uses_of(table)
            for row in rows_of(table.flow):
                for name, _ in names_in(row.expression):
                    if name in RULES.schemas:
                        assert row.at in {use.at for use in uses[name]}, (name, row.at)


def test_what_a_field_ends_as_is_what_the_tables_say() -> None:
    def ends(name: str) -> dict[str, tuple[str, ...]]:
        return {use.stage: use.targets for use in uses_in_tables(name) if use.backend == "a1111"}

    assert ends("hires_denoise") == {"txt2img": ("denoising_strength",), "hires": ("denoising_strength",)}
    assert ends("hires_upscale_factor") == {"txt2img": ("hr_scale",), "hires": ("width", "height")}
    assert ends("adetailer_units.model")["adetailer"] == ("alwayson_scripts/ADetailer/args/-/ad_model",)
    assert ends(PICTURE)["img2img"] == ("init_images/-",)
    assert ends("refiner_switch_step") == {}


def test_drops_conditions_and_switches_are_uses_too() -> None:
    (dropped,) = [use for use in uses_in_tables("hires_enabled") if use.stage == "hires" and use.backend == "a1111"]
    assert dropped.reasons("drop") == ("a stage of this type is a hires pass",)
    (asked,) = [use for use in uses_in_tables("hires_enabled") if use.stage == "txt2img" and use.backend == "a1111"]
    assert [(use.kind, use.text) for use in asked.uses] == [("condition", "{group: hires}")]
    steps = uses_of(CATALOG.table("a1111", "adetailer"))["adetailer_units.steps"]
    assert {(use.kind, str(use.target).rpartition("/")[2]) for use in steps} == {
        ("row", "ad_steps"),
        ("condition", "ad_use_steps"),
    }


def test_derived_fields_and_those_that_count_together() -> None:
    assert field_facts(RULES, "scheduler").made_from == ("sampler_name",)
    assert "scheduler" in field_facts(RULES, "sampler_name").makes
    assert field_facts(RULES, "refiner_switch_step").makes == ("refiner_switch_at",)
    assert field_facts(RULES, "hires_width").together == ("hires_height",)
    assert field_facts(RULES, "hires_enabled").switches == ("hires",)
    assert field_facts(RULES, "width").stages == {"txt2img": "always", "img2img": "only from the stage's own config"}
    assert field_facts(RULES, "hires_steps").stages["txt2img"] == "while hires_enabled is on"
    assert "hires_denoise" in field_facts(RULES, "denoising_strength").instead["txt2img"]


def test_explain_tells_it_with_places(tmp_path: Path) -> None:
    done = run("explain", "hr_scale", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert text.startswith("hires_upscale_factor  hr_scale is another word for hires_upscale_factor\n")
    assert "number, 1 to 8" in text
    assert "2.0" in text
    assert "txt2img: while hires_enabled is on" in text
    assert "  txt2img -> hr_scale\n    hr_scale: hires_upscale_factor  [mappings/a1111/txt2img.yaml:" in text
    assert "[mappings/request.yaml:" in text


def test_explain_of_a_dropped_word_and_of_none(tmp_path: Path) -> None:
    assert "it is dropped: where pictures are written" in run("explain", "output_dir", cwd=tmp_path).stdout
    wrong = run("explain", "hires_denoize", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "did you mean 'hires_denoise'" in " ".join(wrong.stderr.replace("│", " ").split())


def test_explain_as_json(tmp_path: Path) -> None:
    data = json.loads(run("explain", "steps", "--json", cwd=tmp_path).stdout)
    assert data["default"] == 20
    assert data["schema"]["maximum"] == 150
    assert {"backend", "stage", "targets", "dropped", "cannot", "uses"} == data["tables"][0].keys()
    assert all(use["at"]["line"] > 0 for table in data["tables"] for use in table["uses"])


def test_a_field_of_one_s_own_folder_is_explained_too(tmp_path: Path) -> None:
    done = run("explain", "frame_width", "--tables", ROOT / "tests" / "own_backend", cwd=tmp_path)
    assert "easel" in done.stdout
    assert "txt2img -> frame/width" in done.stdout
