"""The naive interpreter: a second opinion over any folder, and no guess where it knows no better."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.backends.catalog import Catalog
from engine.testing import picture
from engine.testing.naive import Naive, RefusedError, UnknownFormError
from tests.review.sides import EASEL, edited, lay_out

ROWS = "rows:\n"


def easel(folder: Path, *edits: tuple[str, str, str]) -> Naive:
    return Naive(Catalog([edited(lay_out(folder / "tables"), *edits)]), "easel")


def test_it_reads_a_folder_of_somebody_s_own_over_the_built_in_rules(tmp_path: Path) -> None:
    naive = easel(tmp_path)
    resolved = naive.resolve("txt2img", {"prompt": "a cat", "width": 64.0}, {"frame_enabled": True})
    assert resolved.fields["frame_colour"] == "oak"
    assert {"prompt", "width", "frame_enabled"} == resolved.asked
    assert naive.build("txt2img", resolved, ()) == [
        {
            "words": {"yes": "a cat", "no": ""},
            "size": [64, 512],
            "how_many": 1,
            "seed": -1,
            "frame": {"wood": "oak", "width": 12},
        }
    ]
    images = (picture(8, 8, "a"), picture(8, 8, "b"))
    framed = naive.build("frame", naive.resolve("frame", {}, {"frame_color": "walnut"}), images)
    assert [body["picture"] for body in framed] == [*images]


def test_a_child_has_its_parent_s_tables(tmp_path: Path) -> None:
    naive = Naive(Catalog([lay_out(tmp_path / "tables")]), "fresco")
    (body,) = naive.build("txt2img", naive.resolve("txt2img", {}, {"prompt": "a cat"}), ())
    assert body["words"]["yes"] == "a cat"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("strange: {later: on}", "the form later"),
        ("strange: {late: job_id}", "the form late"),
        ("strange: {from: seed, as: sideways}", "the conversion sideways"),
        ("strange: {from: seed, when: {seed: {above: 3}}}", "tests 'seed' by"),
    ],
)
def test_a_form_that_it_does_not_know_is_an_error_and_no_guess(tmp_path: Path, row: str, said: str) -> None:
    naive = easel(tmp_path, (EASEL, ROWS, f"{ROWS}  {row}\n"))
    with pytest.raises(UnknownFormError, match=said):
        naive.build("txt2img", naive.resolve("txt2img", {}, {}), ())


@pytest.mark.parametrize("text", ["nodes: {}\n", "flow: [{wires: {}}]\n", "flow: [{then: [{nodes: {}}]}]\n"])
def test_a_table_that_it_does_not_know_is_an_error_however_deep_the_word_stands(tmp_path: Path, text: str) -> None:
    naive = easel(tmp_path, (EASEL, ROWS, f"{text}{ROWS}"))
    with pytest.raises(UnknownFormError, match=r"'nodes'|'wires'"):
        naive.build("txt2img", naive.resolve("txt2img", {}, {}), ())


def test_what_a_table_refuses_is_refused(tmp_path: Path) -> None:
    refusing = "flow: [{when: {seed: {equals: 7}}, refuse: seven is unlucky}]\n"
    naive = easel(tmp_path, (EASEL, ROWS, f"{refusing}{ROWS}"))
    with pytest.raises(RefusedError, match="seven is unlucky"):
        naive.build("txt2img", naive.resolve("txt2img", {}, {"seed": 7}), ())
    assert naive.build("txt2img", naive.resolve("txt2img", {}, {"seed": 8}), ())[0]["seed"] == 8


def test_words_and_numbers_are_read_as_the_language_reads_them(tmp_path: Path) -> None:
    row = "strange: {from: negative_prompt, replace: {no: yes, off: 010, 1e3: x}}"
    naive = easel(tmp_path, (EASEL, ROWS, f"{ROWS}  {row}\n"))
    said = {
        word: naive.build("txt2img", naive.resolve("txt2img", {}, {"negative_prompt": word}), ())
        for word in ("no", "off")
    }
    assert said["no"][0]["strange"] == "yes"
    assert said["off"][0]["strange"] == "010"


def test_a_back_end_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="no back end 'nobody'"):
        Naive(Catalog([lay_out(tmp_path / "tables")]), "nobody")
