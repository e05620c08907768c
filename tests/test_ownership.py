"""The book of ownership, and leaks: every way in which a table could let refiner or hires reach another payload."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from engine.backends import catalog as catalog_module
from engine.backends.catalog import Catalog
from engine.backends.folders import Folder, builtin_folder
from engine.documents import read_document
from engine.proofs.ownership import owned_targets
from engine.rules.request import Visibility
from engine.tables.forms import target_text

BOOK = Path(__file__).resolve().parent / "ownership.yaml"


def seen(visibility: Visibility) -> str:
    """A visibility in the book's words."""
    words = ["own"] if visibility.own else []
    words += [visibility.switch] if visibility.switch is not None else []
    return " ".join(words) if words else "always"


def test_the_book_says_who_may_see_each_group() -> None:
    rules = Catalog().rules
    written = {
        group: {stage.name: seen(stage.groups[group]) for stage in rules.stages.values() if group in stage.groups}
        for group in rules.groups
    }
    book = read_document(BOOK).value
    assert isinstance(book, dict)
    assert written == book["groups"], "a change of who sees a group must be made in tests/ownership.yaml, too"


def test_the_book_says_what_each_switched_group_writes() -> None:
    catalog = Catalog()
    written = {
        backend: {
            stage: {
                " or ".join(sorted(owner)): sorted(target_text(target) for target in targets)
                for owner, targets in owned_targets(catalog.table(backend, stage)).items()
            }
            for stage in catalog.backend(backend).stages
        }
        for backend in catalog.names()
    }
    book = read_document(BOOK).value
    assert isinstance(book, dict)
    assert written == book["targets"], "a change of what a group writes must be made in tests/ownership.yaml, too"


class Tables:
    """A copy of one back end's built-in tables in which a leak can be planted."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has changed: {old!r} is not in it"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def add(self, file: str, text: str) -> None:
        path = self.root / file
        path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")

    def codes(self) -> dict[str, set[str | None]]:
        """Finding code -> the stages that it was found in."""
        found: dict[str, set[str | None]] = {}
        for finding in Catalog().findings():
            assert finding.at is not None, f"a finding without a place: {finding}"
            found.setdefault(finding.code, set()).add(finding.stage)
        return found


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    return laid_out(tmp_path, monkeypatch, "a1111")


@pytest.fixture
def graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tables:
    return laid_out(tmp_path, monkeypatch, "comfyui", proven=True)


def laid_out(folder: Path, monkeypatch: pytest.MonkeyPatch, backend: str, *, proven: bool = False) -> Tables:
    """The built-in tables of this one back end: the others take time to prove, and a leak is planted in one.

    `proven`: they are known to be right as they stand.
    """
    source = builtin_folder()
    parts = (
        f"mappings/{backend}",
        "mappings/request.yaml",
        f"schemas/{backend}",
        "schemas/request",
        "schemas/fields.json",
    )
    for part in parts:
        copy = shutil.copytree if (source.path / part).is_dir() else shutil.copyfile
        (folder / part).parent.mkdir(exist_ok=True)
        copy(source.path / part, folder / part)
    monkeypatch.setattr(catalog_module, "search_path", lambda _folders: (Folder(folder, ""),))
    planted = Tables(folder)
    assert proven or planted.codes() == {}
    return planted


IMG2IMG = "mappings/a1111/img2img.yaml"
ROW = "  resize_mode: {from: resize_mode, lookup: resize_modes}\n"

#: How a table of img2img might read a hires or refiner field, form by form.
READS = {
    "a copy": "  eta_: hires_denoise\n",
    "from a list of fields": "  eta_: {from: [steps, hires_upscale_factor], as: product}\n",
    "through a lookup": "  eta_: {from: hires_scheduler, lookup: schedulers}\n",
    "through a partial lookup": '  eta_: {from: refiner_model_name, replace: {"": none}}\n',
    "in a list": "  eta_: {list: [hires_upscaler_name]}\n",
    "in an object": "  eta_: {object: {a: refiner_switch_at}}\n",
    "in first": "  eta_: {first: [hires_steps, steps]}\n",
    "in an each": "  eta_: {each: styles, do: hires_denoise}\n",
    "as an each": "  eta_: {each: hires_prompt, do: item}\n",
    "in a row's condition": "  eta_: {value: 1, when: {hires_steps: present}}\n",
    "in an open place": "  eta_: {open: hires_prompt}\n",
    "the switch itself": "  eta_: hires_enabled\n",
}


@pytest.mark.parametrize("row", READS.values(), ids=READS.keys())
def test_a_foreign_field_is_refused_in_every_form(tables: Tables, row: str) -> None:
    tables.edit(IMG2IMG, ROW, ROW + row)
    assert tables.codes()["ownership-foreign-field"] == {"img2img"}


def test_a_foreign_field_in_place_of_the_right_one_is_refused(tables: Tables) -> None:
    tables.edit(IMG2IMG, "denoising_strength: denoising_strength", "denoising_strength: hires_denoise")
    assert tables.codes()["ownership-foreign-field"] == {"img2img"}


def test_a_row_guarded_by_a_foreign_group_is_refused(tables: Tables) -> None:
    tables.edit(IMG2IMG, ROW, ROW + "  eta_: {value: 1, when: {group: hires}}\n")
    assert tables.codes()["ownership-foreign-group"] == {"img2img"}


def test_a_section_of_a_foreign_group_is_refused(tables: Tables) -> None:
    tables.edit(IMG2IMG, "groups:\n", "groups:\n  hires:\n    eta_: {value: 1}\n")
    assert tables.codes()["ownership-foreign-group"] == {"img2img"}


@pytest.mark.parametrize(
    "row",
    [
        "refiner_checkpoint: {value: sd_xl_refiner_1.0}",
        "enable_hr: {value: true}",
        "hr_scale: {value: 2}",
    ],
)
def test_a_constant_on_a_key_of_another_stage_is_no_target_there(tables: Tables, row: str) -> None:
    tables.edit(IMG2IMG, ROW, f"{ROW}  {row}\n")
    assert tables.codes()["row-unknown-target"] == {"img2img"}


@pytest.mark.parametrize("form", ["{value: true}", "tiling", "{first: [tiling, restore_faces]}"])
def test_a_row_on_a_target_that_a_group_owns_is_refused(tables: Tables, form: str) -> None:
    tables.edit("mappings/a1111/txt2img.yaml", "  n_iter: n_iter\n", f"  n_iter: n_iter\n  enable_hr: {form}\n")
    assert tables.codes()["ownership-target"] == {"txt2img"}


TXT2IMG = "mappings/a1111/txt2img.yaml"
EITHER = """
flow:
  - when: {any: [{group: hires}, {group: refiner}]}
    rows: {enable_hr: {value: true}}
"""


def test_what_a_section_for_either_of_two_groups_writes_belongs_to_both(tables: Tables) -> None:
    tables.edit(TXT2IMG, "    enable_hr: {value: true}\n", "")
    tables.add(TXT2IMG, EITHER)
    assert not [code for code in tables.codes() if code.startswith("ownership")]
    owned = owned_targets(Catalog().table("a1111", "txt2img"))
    assert owned[frozenset({"hires", "refiner"})] == {("enable_hr",)}
    assert ("enable_hr",) not in owned[frozenset({"hires"})] | owned[frozenset({"refiner"})]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  n_iter: n_iter\n", "  n_iter: n_iter\n  enable_hr: {value: true}\n"),
        ("flow:\n", "flow:\n  - when: {restore_faces: {equals: true}}\n    rows: {enable_hr: {value: true}}\n"),
        ("flow:\n", "flow:\n  - group: hires\n    else: {rows: {enable_hr: {value: true}}}\n"),
        ("  refiner:\n", "  refiner:\n    enable_hr: {value: true}\n"),
        ("rows: {enable_hr: {value: true}}", "rows: {enable_hr: {from: hires_steps, lookup: {7: true}}}"),
    ],
    ids=["always", "under another condition", "where one of the two is off", "for one of them alone", "a field of one"],
)
def test_what_belongs_to_two_groups_is_refused_elsewhere(tables: Tables, old: str, new: str) -> None:
    tables.edit(TXT2IMG, "    enable_hr: {value: true}\n", "")
    tables.add(TXT2IMG, EITHER)
    tables.edit(TXT2IMG, old, new)
    assert {"ownership-target", "ownership-unguarded"} & tables.codes().keys()


def test_where_both_of_two_groups_are_off_another_row_may_stand_in(tables: Tables) -> None:
    tables.edit(TXT2IMG, "    enable_hr: {value: true}\n", "")
    tables.add(TXT2IMG, f"{EITHER}    else: {{rows: {{enable_hr: {{value: true}}}}}}\n")
    assert not [code for code in tables.codes() if code.startswith("ownership")]


@pytest.mark.parametrize("row", ["steps: hires_steps", "cfg_scale: {first: [hires_denoise, eta]}"])
def test_a_switched_groups_field_outside_of_its_sections_is_refused(tables: Tables, row: str) -> None:
    tables.edit("mappings/a1111/txt2img.yaml", "groups:\n", f"replace:\n  {row}\n\ngroups:\n")
    assert tables.codes()["ownership-unguarded"] == {"txt2img"}


def test_a_leak_in_a_parent_is_refused_in_every_stage_that_inherits_it(tables: Tables) -> None:
    tables.edit("mappings/a1111/_common.yaml", "  eta: eta\n", "  eta: hires_denoise\n")
    found = tables.codes()
    assert found["ownership-foreign-field"] == {"img2img", "adetailer"}
    assert found["ownership-unguarded"] == {"txt2img"}  # where hires is switched, it needs its section


def test_a_leak_by_replacing_an_inherited_row_is_refused(tables: Tables) -> None:
    tables.edit("mappings/a1111/img2img.yaml", "groups:\n", "replace:\n  eta: hires_denoise\n\ngroups:\n")
    assert tables.codes()["ownership-foreign-field"] == {"img2img"}


def test_a_leak_by_extending_the_owners_table_is_refused(tables: Tables) -> None:
    tables.edit("mappings/a1111/upscale.yaml", "format: 1\n", "format: 1\nextends: txt2img\n")
    found = tables.codes()
    assert "upscale" in found["ownership-foreign-group"]
    assert "upscale" in found["ownership-foreign-field"]


@pytest.mark.parametrize("name", ["refiner", "ADetailer", "seed", "sampler", "extra options"])
@pytest.mark.parametrize("stage", ["txt2img", "img2img"])
def test_an_open_place_that_lets_an_owned_key_through_is_refused(tables: Tables, stage: str, name: str) -> None:
    text = (tables.root / "mappings" / "a1111" / f"{stage}.yaml").read_text(encoding="utf-8")
    reserved = re.search(r"reserved: \[(.*?)\]", text)
    assert reserved is not None
    kept = ", ".join(word for word in reserved[1].split(", ") if word != name)
    tables.edit(f"mappings/a1111/{stage}.yaml", reserved[0], f"reserved: [{kept}]")
    assert tables.codes()["row-misfit"] == {stage}


@pytest.mark.parametrize(
    ("field", "source"), [("denoising_strength", "hires_denoise"), ("upscale_factor", "hires_upscale_factor")]
)
def test_a_field_derived_from_a_foreign_group_is_refused(tables: Tables, field: str, source: str) -> None:
    tables.edit("mappings/request.yaml", f"  {field}: {{aliases:", f"  {field}: {{otherwise: {source}, aliases:")
    assert set(tables.codes()) == {"ownership-derived"}


def test_a_field_in_a_second_group_is_refused(tables: Tables) -> None:
    tables.edit(
        "mappings/request.yaml", "  strength: [denoising_strength]", "  strength: [denoising_strength, hires_denoise]"
    )
    assert set(tables.codes()) == {"rules-two-groups"}


def test_a_stage_that_is_let_see_a_group_must_say_what_becomes_of_it(tables: Tables) -> None:
    tables.edit(
        "mappings/request.yaml", "      strength: always\n", "      strength: always\n      refiner: refiner_enabled\n"
    )
    found = tables.codes()
    assert found["field-unread"] == {"img2img"}, "and the book of ownership has to change, too"


# -- graphs ----------------------------------------------------------------------------------------------------------

GRAPH = "mappings/comfyui/txt2img.yaml"
DECODE = "  - nodes: {decode: {class: VAEDecode, links: {samples: samples, vae: vae}}}\n"
NAMED = "{class: CheckpointLoaderSimple, inputs: {ckpt_name: refiner_model_name}}"

#: How the refiner's fields might reach a graph whose refiner is off, form by form, and what is said of it.
LEAKS = {
    "a node's input": (f"  - nodes: {{own: {NAMED}}}\n    sets: {{vae: own.VAE}}\n", "ownership-unguarded"),
    "a row": ("  - replace: {checkpoint/ckpt_name: refiner_model_name}\n", "ownership-unguarded"),
    "a row's condition": (
        "  - replace: {checkpoint/ckpt_name: {first: [{value: x, when: {refiner_switch_at: present}}, model_name]}}\n",
        "ownership-unguarded",
    ),
    "a section's condition": (
        "  - when: {refiner_model_name: present}\n    replace: {checkpoint/ckpt_name: {value: x}}\n",
        "ownership-unguarded",
    ),
    "like": (
        "  - nodes: {own: {like: refiner_checkpoint}}\n    sets: {vae: own.VAE}\n",
        "node-unknown",
    ),
    "a link to a node": ("  - replace: {canvas/width: {link: refiner_checkpoint.VAE}}\n", "node-unknown"),
    "a wire set to its node": ("  - sets: {vae: refiner_checkpoint.VAE}\n", "node-unknown"),
    "a wire that it set": ("  - sets: {vae: refiner_model}\n", "wire-unknown"),
    "a row into its node": (
        "  - replace: {refiner_checkpoint/ckpt_name: model_name}\n",
        "ownership-target",
    ),
    "its node, added again": (
        "  - nodes: {refiner_checkpoint: {class: VAELoader, inputs: {vae_name: {value: x}}}}\n",
        "ownership-target",
    ),
    "the other side of its group": (
        f"  - group: refiner\n    else: {{nodes: {{own: {NAMED}}}, sets: {{vae: own.VAE}}}}\n",
        "ownership-unguarded",
    ),
    "under a group that is not its own": (
        f"  - group: hires\n    nodes: {{own: {NAMED}}}\n    sets: {{vae: own.VAE}}\n",
        "ownership-unguarded",
    ),
    "a fragment": ("  - use: _leak\n", "ownership-unguarded"),
    "once for every LoRA": (
        f"  - each: {{lora: loras}}\n    nodes: {{own: {NAMED}}}\n    sets: {{vae: own.VAE}}\n",
        "ownership-unguarded",
    ),
}


def test_the_graphs_hold_no_leak_as_they_stand(graphs: Tables) -> None:
    assert graphs.codes() == {}


@pytest.mark.parametrize(("leak", "code"), LEAKS.values(), ids=LEAKS.keys())
def test_a_refiner_that_is_off_cannot_reach_a_graph(graphs: Tables, leak: str, code: str) -> None:
    fragment = graphs.root / "mappings" / "comfyui" / "_leak.yaml"
    fragment.write_text(
        f"format: 1\nflow:\n  - nodes: {{own: {NAMED}}}\n    sets: {{vae: own.VAE}}\n", encoding="utf-8"
    )
    graphs.edit(GRAPH, DECODE, f"{leak}{DECODE}")
    assert "txt2img" in graphs.codes()[code]


@pytest.mark.parametrize("stage", ["img2img", "upscale", "adetailer", "hires"])
def test_a_graph_of_another_stage_cannot_name_the_refiner(graphs: Tables, stage: str) -> None:
    file = f"mappings/comfyui/{stage}.yaml"
    graphs.edit(file, "flow:\n", f"flow:\n  - nodes: {{own: {NAMED}}}\n")
    assert graphs.codes()["ownership-foreign-field"] == {stage}
