"""`--set`: a value of the command line goes over the plan's, typed by its field, and is told of where it was typed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from engine.backends.catalog import Catalog
from engine.cli.settings import overruled, read_settings, with_settings
from engine.errors import PlanError
from engine.plan import RunConfig, StageConfig, StageExecution, StageExecutionPlan
from engine.plan_files import PlanFile
from engine.testing import picture
from engine.testing.strategies import Strategies
from engine.values import same
from tests.cli.command import Command

CATALOG = Catalog()
RULES = CATALOG.rules


def plan_of(*ids: str, base: dict[str, object] | None = None) -> PlanFile:
    """A plan whose stages, `id:type`, say steps: 9 themselves."""
    pairs = [name.split(":") for name in ids]
    stages = tuple(StageExecution(name, StageConfig(kind, RunConfig(steps=9))) for name, kind in pairs)
    return PlanFile(StageExecutionPlan(stages), RunConfig(base if base is not None else {"steps": 20}))


def after(file: PlanFile, *texts: str) -> tuple[dict[str, object], ...]:
    """The base config and each stage's own, after these settings."""
    done = with_settings(file, read_settings(texts, file.plan, RULES), RULES)
    return dict(done.base_config), *(dict(stage.stage_config.fields) for stage in done.plan.stages)


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("steps=12", {"steps": 12}),
        ("base.steps=12", {"steps": 12}),
        ("base_config.steps=12", {"steps": 12}),
        ("steps=12.0", {"steps": 12.0}),
        ("steps=null", {"steps": None}),
        # What is no whole number stays what it is: the engine says what is wrong with it.
        ("steps=many", {"steps": "many"}),
        ("steps=true", {"steps": True}),
        ("steps=", {"steps": ""}),
        ("steps= ", {"steps": " "}),
        ("stepz=12", {"steps": 20, "stepz": "12"}),
        ("prompt=", {"steps": 20, "prompt": ""}),
        ("prompt=null", {"steps": 20, "prompt": None}),
        ('prompt="null"', {"steps": 20, "prompt": "null"}),
        ('prompt="a" = b: {c} # d', {"steps": 20, "prompt": '"a" = b: {c} # d'}),
        ("prompt=12", {"steps": 20, "prompt": "12"}),
        ("prompt=true", {"steps": 20, "prompt": "true"}),
        ("prompt= blank ", {"steps": 20, "prompt": " blank "}),
        ("tiling=true", {"steps": 20, "tiling": True}),
        ("tiling=yes", {"steps": 20, "tiling": "yes"}),
        ("styles=[a, b]", {"steps": 20, "styles": ["a", "b"]}),
        ('styles=["\\ud83d\\ude00"]', {"steps": 20, "styles": ["\U0001f600"]}),
        ("adetailer_units=[{model: m}]", {"steps": 20, "adetailer_units": [{"model": "m"}]}),
    ],
)  # fmt: skip
def test_a_value_is_typed_by_its_field(text: str, base: dict[str, object]) -> None:
    done, _ = after(plan_of("draw:txt2img"), text)
    assert same(done, base)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_every_value_of_every_field_can_be_said(data: st.DataObject) -> None:
    fields = sorted(n for n, s in RULES.schemas.items() if n in RULES.spellings() and "contentMediaType" not in s)
    name = data.draw(st.sampled_from([name for name in fields if RULES.group_of(name) is not None]))
    value: Any = data.draw(Strategies(CATALOG).value_of(name))
    text = value if isinstance(value, str) and value != "null" else json.dumps(value)
    # Structured values are read as a plan's file is, which holds no control characters, however they are written.
    assume(isinstance(value, str) or not re.search(r"\\u00[0189][0-9a-f]|\\u007f|\\[bf]", text))
    done, _ = after(plan_of("draw:txt2img", base={}), f"{name}={text}")
    assert same(done, {name: value})


def test_a_stage_is_named_by_its_id_or_its_type() -> None:
    file = plan_of("a:img2img", "b:upscale", "c:img2img")
    base, a, b, c = after(file, "b.steps=1", "img2img.steps=2", "c.steps=3")
    assert (base["steps"], a["steps"], b["steps"], c["steps"]) == (20, 2, 1, 3)


def test_an_id_may_hold_points_and_be_called_base() -> None:
    file = plan_of("base:txt2img", "base.2:img2img", "img2img:upscale")
    base, first, second, third = after(file, "base.2.steps=1", "base.steps=2", "img2img.steps=3", "base_config.steps=4")
    assert (base["steps"], first["steps"], second["steps"], third["steps"]) == (4, 2, 1, 3)


def test_what_the_plan_says_in_another_spelling_gives_way() -> None:
    base, _ = after(plan_of("draw:txt2img", base={"cfg": 5, "sampler": "Euler"}), "cfg_scale=6", "sampler_name=DDIM")
    assert base == {"cfg_scale": 6, "sampler_name": "DDIM"}


def test_the_last_of_two_counts() -> None:
    base, _ = after(plan_of("draw:txt2img"), "steps=1", "cfg=3", "steps=2", "cfg_scale=4")
    assert base == {"steps": 2, "cfg_scale": 4}


def test_neither_plan_nor_config_is_changed() -> None:
    file = plan_of("draw:txt2img")
    after(file, "steps=1", "draw.steps=2")
    assert (file.base_config["steps"], file.plan.stages[0].stage_config.fields["steps"]) == (20, 9)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("steps", "says no value"),
        ("=3", "says no value"),
        ("drw.steps=3", "no stage 'drw'; did you mean 'draw'?"),
        ("upscale.steps=3", "no stage 'upscale'; there are: draw, txt2img, base"),
    ],
)
def test_what_names_nothing_is_wrong_usage(text: str, words: str) -> None:
    with pytest.raises(typer.BadParameter, match=words):
        after(plan_of("draw:txt2img"), text)


def test_every_value_that_cannot_be_read_is_told_at_once() -> None:
    with pytest.raises(PlanError) as refusal:
        after(plan_of("draw:txt2img"), "styles=[a", "draw.mask_image=nowhere.png", "steps=3")
    told = [(finding.code, str(finding.at)) for finding in refusal.value.findings]
    assert told == [("document-syntax", "--set styles"), ("image-unreadable", "--set draw.mask_image")]


def test_a_picture_is_read_from_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mask = picture(8, 8)
    mask.save(tmp_path / "mask.png")
    _, own = after(plan_of("a:img2img"), "a.mask_image=mask.png")
    assert own["mask_image"] == mask


def test_a_stage_that_has_its_own_value_is_named() -> None:
    file = plan_of("a:img2img", "b:img2img")
    settings = read_settings(["steps=3", "a.cfg_scale=2", "seed=4"], file.plan, RULES)
    assert list(overruled(file, settings, RULES)) == [
        "--set steps does not reach a, which has its own: --set a.steps=…",
        "--set steps does not reach b, which has its own: --set b.steps=…",
    ]


# -- in the command -----------------------------------------------------------------------------------------------


def test_payloads_and_run_take_the_same_settings(command: Command, small: Path) -> None:
    changes = ["--set", "polish.denoising_strength=0", "--set", "prompt=", "--set", "draw.batch_size=null"]
    shown = command("payloads", small, "--json", *changes).data["stages"]
    done = command("run", small, "--json", "--quiet", *changes).data
    ran = [stage["request"] for stage in done["stages"] if stage["status"] == "completed"]
    assert len(ran) == 2
    for stage, request in zip(shown, ran, strict=True):
        pictures = [stage["request"].pop("input_images", None), request.pop("input_images", None)]
        assert stage["request"] == request
        assert (pictures[0] is None) == (pictures[1] is None)
    assert (ran[0]["prompt"], ran[0]["batch_size"], ran[1]["denoising_strength"]) == ("", 1, 0)


def test_a_finding_names_the_option(command: Command, small: Path) -> None:
    done = command("run", small, "--set", "stepz=3", "--set", "polish.steps=many", "--json")
    assert done.code == 3
    assert "--set polish.steps: error[config-value] steps must be a whole number" in done.err
    assert "--set stepz: error[config-unknown-key]" in done.err
    places = [finding["at"] for finding in done.data["error"]["findings"]]
    assert {"option": "--set stepz"} in places
    assert {"option": "--set polish.steps"} in places


def test_what_a_setting_does_not_reach_is_said(command: Command, small: Path) -> None:
    done = command("payloads", small, "--set", "steps=4")
    assert "--set steps does not reach polish, which has its own: --set polish.steps=…" in done.err
