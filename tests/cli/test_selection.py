"""`--stages` and `--input`: a part of a plan, and the pictures that it begins with."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from engine.backends.catalog import Catalog
from engine.cli.pictures import MAX_PICTURES, pictures_at
from engine.cli.selection import with_stages
from engine.plan import RunConfig, StageConfig, StageExecution, StageExecutionPlan
from engine.testing import picture
from tests.cli.command import Command

RULES = Catalog().rules


def plan() -> StageExecutionPlan:
    kinds = {"draw": "txt2img", "polish": "img2img", "off": "img2img", "enlarge": "upscale", "face": "adetailer"}
    return StageExecutionPlan(
        tuple(
            StageExecution(name, StageConfig(kind, RunConfig(img2img_enabled=False) if name == "off" else {}))
            for name, kind in kinds.items()
        )
    )


def on(text: str) -> list[str]:
    """The stages that run: those that are not off, by their word or their toggle."""
    return [
        stage.id
        for stage in with_stages(plan(), text, RULES).stages
        if stage.stage_config.enabled is not False and stage.stage_config.fields.get("img2img_enabled") is not False
    ]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("polish", ["polish"]),
        ("face, draw", ["draw", "face"]),
        ("img2img", ["polish"]),
        ("off", ["off"]),
        ("img2img,off", ["polish", "off"]),
        ("polish..enlarge", ["polish", "enlarge"]),
        ("..polish", ["draw", "polish"]),
        ("enlarge..", ["enlarge", "face"]),
        ("..", ["draw", "polish", "enlarge", "face"]),
        ("img2img..upscale,draw", ["draw", "polish", "enlarge"]),
        ("face..face", ["face"]),
    ],
)
def test_what_runs(text: str, ids: list[str]) -> None:
    assert on(text) == ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("polsh", "no stage 'polsh'; did you mean 'polish'?"),
        ("", "no stage ''; there are: draw, polish"),
        ("draw,", "no stage ''"),
        ("face..draw", "face comes after draw"),
        ("draw..nowhere", "no stage 'nowhere'"),
    ],
)
def test_what_the_plan_does_not_have_is_wrong_usage(text: str, words: str) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        on(text)


def test_a_plan_with_a_part_of_it_is_otherwise_the_same() -> None:
    whole = plan()
    part = with_stages(whole, "polish", RULES)
    assert [(stage.id, stage.stage_type) for stage in part.stages] == [(s.id, s.stage_type) for s in whole.stages]
    assert (part.run_id, part.input_images, part.options) == (whole.run_id, whole.input_images, whole.options)


# -- pictures -----------------------------------------------------------------------------------------------------


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures, each of another width, and of what is none."""
    folder = tmp_path / "album"
    (folder / "deeper").mkdir(parents=True)
    for number, name in enumerate(["p10.png", "p2.png", "P1.PNG", "deeper/p3.png"], 1):
        picture(8 * number, 8).save(folder / name)
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.mark.parametrize(
    ("words", "widths"),
    [
        (["album/p2.png"], [16]),
        (["album"], [24, 16, 8]),
        (["album/p*"], [16, 8]),
        (["album/**/*.png"], [32, 16, 8]),
        (["album/p10.png", "album/p2.png", "album/p10.png"], [8, 16, 8]),
        (["album/deeper", "album/p[0-9].png"], [32, 16]),
    ],
)
def test_the_order_is_that_of_the_words_and_then_of_the_names(album: Path, words: list[str], widths: list[int]) -> None:
    assert [image.width for image in pictures_at(words)] == widths


def test_a_name_that_looks_like_a_pattern_is_a_name_first(album: Path) -> None:
    picture(48, 8).save(album / "p[0-9].png")
    assert [image.width for image in pictures_at(["album/p[0-9].png"])] == [48]


def test_an_absolute_pattern_is_one_too(album: Path) -> None:
    assert [image.width for image in pictures_at([f"{album}/p1*.png"])] == [8]


@pytest.mark.parametrize("word", ["nowhere.png", "nowhere/*.png", "album/manifest.*", "empty"])
def test_what_names_no_picture_is_wrong_usage(album: Path, word: str) -> None:
    (album.parent / "empty").mkdir()
    with pytest.raises(typer.BadParameter, match=r"empty|nowhere|manifest"):
        pictures_at([word])


def test_there_is_an_end_to_how_many(album: Path) -> None:
    with pytest.raises(typer.BadParameter, match=f"more than {MAX_PICTURES} pictures"):
        pictures_at(["album"] * (MAX_PICTURES // 3 + 1))


# -- in the command -----------------------------------------------------------------------------------------------


def test_a_part_runs_with_pictures_of_an_earlier_run(command: Command, small: Path) -> None:
    first = command("run", small, "--stages", "draw", "--quiet")
    assert first.lines == [str(Path("pictures", "small", f"01-draw-{number}.png")) for number in (1, 2)]
    again = command("run", small, "--stages", "polish..", "--input", "pictures/small", "--out", "more", "--quiet")
    assert again.lines == [str(Path("more", f"02-polish-{number}.png")) for number in (1, 2)]


def test_a_part_without_pictures_leads_to_the_option(command: Command, small: Path) -> None:
    done = command("run", small, "--stages", "polish")
    assert done.code == 3
    assert "hint: name pictures with --input, or let a stage before it run" in done.err
    assert not (small.parent / "pictures").exists()


def test_pictures_that_nothing_takes_are_refused(command: Command, small: Path) -> None:
    picture(8, 8).save(small.parent / "a.png")
    done = command("payloads", small, "--input", "a.png")
    assert done.code == 3
    assert "hint: leave --input out, or begin at a later stage with --stages" in done.err


def test_a_file_that_is_no_picture_is_named(command: Command, small: Path) -> None:
    done = command("run", small, "--stages", "polish", "--input", small)
    assert done.code == 3
    assert "small.yaml" in done.err
