"""A host's own plans and configs: read by data, lenient where objects hold more, and never leaking.

"What went wrong there" is a list of ten faults of an older host's executor; a test whose name ends in a number of that
list shows that it cannot happen here. Shown elsewhere are 5 (tests/payloads/test_a1111_rules.py,
test_extras_take_one_picture_by_the_server_s_own_names; tests/client/test_answers.py, an answer without /image), 7
(test_pipeline_runner_variants.py, TestForeignClients), 9 (tests/properties: what runs is what is tested) and 10
(test_a1111_rules.py, test_options_are_put_back_pictures_are_sent_and_no_file_is_kept, and the two on the VAE).
"""

from __future__ import annotations

import enum
import uuid
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, Mock

import pytest

from engine import (
    Catalog,
    Finding,
    PipelineResult,
    PipelineRunner,
    PlanError,
    RunConfig,
    StageConfig,
    StageExecution,
    StageExecutionPlan,
    TableError,
)
from engine.testing import FakeClient, FakePipeline, picture
from engine.wire import described
from tests.pipeline.host_shapes import SHAPES, Metadata, SequencerConfig, SequencerStage, StageType, as_object

CATALOG = Catalog()
IMAGE = picture(64, 48)

#: The RunConfig of the host, with its defaults.
RUN_CONFIG: dict[str, Any] = {
    "preset_name": "portrait",
    "model_name": "base_model [12345678]",
    "vae_name": "some_vae",
    "sampler_name": "DPM++ 2M Karras",
    "scheduler_name": None,
    "width": 64,
    "height": 48,
    "steps": 20,
    "cfg_scale": 7.0,
    "refiner_enabled": False,
    "refiner_model_name": None,
    "refiner_switch_at": 0.8,
    "hires_enabled": False,
    "hires_upscaler_name": "Latent",
    "hires_upscale_factor": 2.0,
    "hires_steps": None,
    "hires_denoise": 0.3,
    "hires_use_base_model_for_hires": True,
}


def stage(kind: Any, payload: dict[str, Any] | None = None, *, enabled: Any = None, **metadata: Any) -> SequencerStage:
    """A stage as the sequencer makes it."""
    data = Metadata(**metadata)
    return SequencerStage(kind, SequencerConfig(enabled, {} if payload is None else payload, data), 0)


def plan_of(*stages: Any, **more: Any) -> Any:
    return SimpleNamespace(stages=list(stages), **more)


def client() -> FakeClient:
    return FakeClient(backend="a1111", catalog=CATALOG)


def run(plan: Any, base: Any = None) -> tuple[PipelineResult, list[dict[str, Any]]]:
    """The result, and the fields of each request."""
    fake = client()
    result = PipelineRunner(fake).run_pipeline(plan, as_object(RUN_CONFIG) if base is None else base)
    assert result.success
    return result, [dict(request.fields) for request in fake.requests]


def bodies(plan: Any, base: Any = None) -> list[Any]:
    planned = PipelineRunner(client()).check(
        plan, as_object({**RUN_CONFIG, "seed": 1, "subseed": 1}) if base is None else base
    )
    return [described(one.prepared.bodies) for one in planned.stages if one.prepared is not None]


def refusal(plan: Any, base: Any = None) -> PlanError:
    fake = client()
    with pytest.raises(PlanError) as caught:
        PipelineRunner(fake).run_pipeline(plan, {} if base is None else base)
    assert fake.requests == []
    return caught.value


def codes(findings: Any) -> list[str]:
    return [finding.code for finding in findings]


class TestTheRunConfig:
    def test_an_object_is_read_by_its_attributes(self) -> None:
        result, (fields,) = run(plan_of(stage("txt2img")))
        assert fields["model_name"] == "base_model"
        assert (fields["sampler_name"], fields["scheduler"]) == ("DPM++ 2M", "karras")
        assert (fields["width"], fields["steps"], fields["hires_enabled"]) == (64, 20, False)
        assert result.warnings == ()

    def test_the_older_one_with_a_hires_fix_is_read_too(self) -> None:
        old = {"prompt": "a cat", "negative_prompt": "fog", "model": "base", "sampler": "Euler", "width": 64}
        old |= {"height": 64, "steps": 20, "cfg_scale": 7.0}
        fix = {"enabled": True, "upscale_factor": 1.5, "denoise": 0.5, "upscaler": "Latent", "steps": 7}
        _, (fields,) = run(plan_of(stage("txt2img")), as_object({**old, "hires_fix": fix}))
        assert {name: fields[name] for name in fields if name.startswith("hires_")} == {
            "hires_enabled": True,
            "hires_upscale_factor": 1.5,
            "hires_denoise": 0.5,
            "hires_upscaler_name": "Latent",
            "hires_steps": 7,
        }
        assert (fields["steps"], fields["model_name"]) == (20, "base")

    def test_what_it_does_not_know_is_a_warning(self) -> None:
        result, _ = run(plan_of(stage("txt2img")), as_object({**RUN_CONFIG, "promt": "a cat", "theme": "dark"}))
        assert [(w.code, w.severity) for w in result.warnings] == [("config-unknown-key", "warning")] * 2
        assert "did you mean 'prompt'" in str(result.warnings[0])

    def test_a_mapping_that_is_handed_in_itself_is_held_to_its_word(self) -> None:
        assert codes(refusal(plan_of(stage("txt2img")), {"promt": "a cat"}).findings) == ["config-unknown-key"]

    def test_an_attribute_that_is_none_is_not_given_and_a_null_takes_back(self) -> None:
        base = {"model_name": "base_model", "seed": 1}
        spaces = SimpleNamespace(stage_type="txt2img", model_name=None)
        _, (fields,) = run(plan_of(SimpleNamespace(id="a", stage_config=spaces)), base)
        assert fields["model_name"] == "base_model"
        mapping = {"stage_type": "txt2img", "model_name": None}
        _, (fields,) = run(plan_of(SimpleNamespace(id="a", stage_config=mapping)), base)
        assert "model_name" not in fields

    @pytest.mark.parametrize("base", [None, "prompt", 5, [("prompt", "x")], b"x"])
    def test_what_is_no_config_is_refused(self, base: Any) -> None:
        with pytest.raises(PlanError, match="no base config"):
            PipelineRunner(client()).run_pipeline(plan_of(stage("txt2img")), base)


class TestShapes:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_each_shape_of_a_plan_runs(self, shape: str) -> None:
        plan = StageExecutionPlan(
            (
                StageExecution("1-txt2img", StageConfig("txt2img", {"hires_enabled": True, "hires_scale_factor": 1.5})),
                StageExecution("2-img2img", StageConfig("img2img", {"denoising_strength": 0.3}, enabled=False)),
                StageExecution("3-upscale", StageConfig("upscale", {"upscaler": "Lanczos"})),
            ),
            run_id="run-7",
        )
        result, requests = run(SHAPES[shape](plan))
        assert result.run_id == "run-7"
        assert [one.status for one in result.stages] == ["completed", "skipped", "completed"]
        assert [one.id for one in result.stages] == ["1-txt2img", "2-img2img", "3-upscale"]
        assert requests[0]["hires_upscale_factor"] == 1.5
        assert result.warnings == ()

    def test_the_stages_alone_are_a_plan(self) -> None:
        stages = [SimpleNamespace(stage_type=StageType.TXT2IMG), stage("upscale", {"upscaler": "Lanczos"})]
        for plan in (stages, tuple(stages), iter(stages), {"stages": stages}):
            assert [one.stage_type for one in run(plan)[0].stages] == ["txt2img", "upscale"]

    def test_our_own_stages_may_stand_among_them(self) -> None:
        ours = StageExecution("mine", StageConfig("txt2img", {"stepz": 3}))
        assert codes(refusal([ours, stage("img2img")]).findings) == ["config-unknown-key"]

    @pytest.mark.parametrize("wrapped", [False, True])
    def test_our_own_stage_may_hold_a_config_of_theirs(self, wrapped: bool) -> None:
        config: Any = SimpleNamespace(stage_type="txt2img", steps=3)
        if wrapped:
            config = StageConfig("txt2img", config)
        ours = StageExecutionPlan((StageExecution("mine", config),), run_id="run-1")
        result, (fields,) = run(ours)
        assert (fields["steps"], result.run_id, result.stages[0].id) == (3, "run-1", "mine")

    def test_a_named_tuple_is_an_object(self) -> None:
        stage_of = namedtuple("stage_of", "id stage_type steps")
        result, (fields,) = run([stage_of(uuid.UUID(int=5), "txt2img", 7)])
        assert fields["steps"] == 7
        assert result.stages[0].id == str(uuid.UUID(int=5))

    def test_the_order_of_the_list_counts(self) -> None:
        kinds = ("txt2img", "adetailer", "upscale")
        stages = [stage(kind, {"adetailer_model": "face.pt"} if kind == "adetailer" else {}) for kind in kinds]
        result, _ = run(stages, as_object({**RUN_CONFIG, "upscaler_name": "Lanczos"}))
        assert [one.stage_type for one in result.stages] == list(kinds)

    def test_pictures_come_with_the_plan(self, tmp_path: Path) -> None:
        file = IMAGE.save(tmp_path / "one.png")
        for images in (IMAGE, [IMAGE], [IMAGE.data], str(file), (file,)):
            result, _ = run(plan_of(stage("img2img"), input_images=images))
            assert result.stages[0].request is not None
            assert result.stages[0].request.input_images == (IMAGE,)
        assert "no picture" in str(refusal(plan_of(stage("img2img"), input_images=[object()])))

    @pytest.mark.parametrize("plan", [None, "txt2img", 5, object(), b"", [5], [None], [SimpleNamespace()], Mock()])
    def test_what_is_no_plan_is_refused(self, plan: Any) -> None:
        assert codes(refusal(plan).findings) == ["plan-shape"]

    def test_the_doubles_take_them_too(self) -> None:
        pipeline = FakePipeline()
        plan = plan_of(stage(StageType.TXT2IMG))
        assert pipeline.run_pipeline(plan, SimpleNamespace(prompt="x")).stages[0].id == "1-txt2img"
        assert pipeline.runs[0][0] is plan


class TestToggles:
    @pytest.mark.parametrize("flags", [{"txt2img": False}, {"txt2img_enabled": False}])
    def test_a_contradiction_is_an_error(self, flags: dict[str, bool]) -> None:
        error = refusal(plan_of(stage("txt2img", enabled=True, stage_flags=flags)))
        assert codes(error.findings) == ["plan-toggle"]

    def test_so_it_is_between_a_stage_and_its_config(self) -> None:
        both = SimpleNamespace(stage_type="txt2img", enabled=True, config=SimpleNamespace(enabled=False, payload={}))
        assert codes(refusal([both]).findings) == ["host-contradiction"]
        types = SimpleNamespace(stage_type="txt2img", stage_config=SimpleNamespace(stage_type="img2img"))
        assert codes(refusal([types]).findings) == ["host-contradiction"]

    def test_and_between_two_places_that_say_a_field(self) -> None:
        error = refusal([stage("txt2img", {"hires_enabled": True}, hires_enabled=False)])
        assert codes(error.findings) == ["host-contradiction"]
        assert "stages.0's config's payload and stages.0's config's metadata both say hires_enabled" in str(error)

    def test_flags_alone_decide(self) -> None:
        result, _ = run([stage("txt2img"), stage("img2img", stage_flags={"img2img": False, "txt2img": True})])
        assert [one.status for one in result.stages] == ["completed", "skipped"]

    @pytest.mark.parametrize("enabled", ["yes", 1, 0, ""])
    def test_a_toggle_that_is_no_boolean_is_refused(self, enabled: Any) -> None:
        assert codes(refusal([stage("txt2img", enabled=enabled)]).findings) == ["plan-toggle"]
        assert codes(refusal([stage("txt2img", stage_flags={"txt2img": enabled})]).findings) == ["plan-toggle"]


class TestTheRefiner:
    @pytest.mark.parametrize(
        "metadata",
        [
            {"refiner_model_name": ""},
            {"refiner_model_name": " None "},
            {},
            {"refiner_model_name": "r", "refiner_switch_at": 0},
            {"refiner_model_name": "r", "refiner_switch_at": 1.0},
            {"refiner_model_name": "r", "refiner_switch_step": 0},
            {"refiner_model_name": "r", "refiner_switch_step": 20},
        ],
    )
    def test_one_that_cannot_work_is_off_with_a_warning(self, metadata: dict[str, Any]) -> None:
        base = {key: value for key, value in RUN_CONFIG.items() if not key.startswith("refiner")}
        result, (fields,) = run([stage("txt2img", refiner_enabled=True, **metadata)], as_object(base))
        assert fields["refiner_enabled"] is False
        assert [name for name in fields if name.startswith("refiner")] == ["refiner_enabled"]
        assert codes(result.warnings) == ["config-taken-as-off"]
        result, (fields,) = run([stage("txt2img")], as_object({**base, **metadata, "refiner_enabled": True}))
        assert fields["refiner_enabled"] is False
        assert codes(result.warnings) == ["config-taken-as-off"]

    def test_in_a_mapping_of_the_callers_it_is_an_error(self) -> None:
        ours = StageExecution("one", StageConfig("txt2img"))
        config = RunConfig(refiner_enabled=True, refiner_model_name="None")
        assert codes(refusal([ours], config).findings) == ["config-missing"]

    def test_a_step_is_a_part_of_the_steps(self) -> None:
        refiner = {"refiner_enabled": True, "refiner_model_name": "r [abc]", "refiner_switch_step": 16}
        base = {key: value for key, value in RUN_CONFIG.items() if not key.startswith("refiner")}
        for shape in (stage("txt2img", **refiner), SimpleNamespace(stage_type="txt2img", config={}, **refiner)):
            _, (fields,) = run([shape], as_object(base))
            assert (fields["refiner_switch_at"], fields["refiner_model_name"]) == (0.8, "r")

    def test_beyond_the_ends_it_is_an_error_as_ever(self) -> None:
        refiner = {"refiner_enabled": True, "refiner_model_name": "r", "refiner_switch_at": 1.5}
        assert codes(refusal([stage("txt2img", **refiner)]).findings) == ["config-value"]


HIRES: dict[str, Any] = {"hires_enabled": True, "hires_upscale_factor": 3.0, "hires_denoise": 0.7}
REFINER: dict[str, Any] = {"refiner_enabled": True, "refiner_model_name": "refiner", "refiner_switch_at": 0.7}
KINDS: dict[str, dict[str, Any]] = {
    "img2img": {"denoising_strength": 0.3},
    "upscale": {"upscaler": "Lanczos", "upscale_factor": 2},
    "adetailer": {"adetailer_model": "face.pt"},
}


class TestWhatWentWrongThere:
    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("plain", [False, True])
    def test_metadata_of_another_type_s_groups_does_not_leak_1(self, kind: str, plain: bool) -> None:
        bare = stage(kind, KINDS[kind])
        full = stage(kind, KINDS[kind], **HIRES, **REFINER)
        if plain:
            full.config.metadata = {**HIRES, **REFINER}
        plan = plan_of(full, input_images=[IMAGE])
        assert bodies(plan) == bodies(plan_of(bare, input_images=[IMAGE]))
        result, (fields,) = run(plan)
        assert not [name for name in fields if name.startswith(("hires", "refiner"))]
        (warning,) = result.warnings
        assert (warning.code, warning.severity) == ("config-foreign-field", "warning")
        assert "hires_upscale_factor" in warning.message

    def test_flat_attributes_do_not_leak_either_1(self) -> None:
        bare = SimpleNamespace(stage_type="upscale", config=KINDS["upscale"])
        full = SimpleNamespace(stage_type="upscale", config=KINDS["upscale"], **HIRES)
        images = {"input_images": [IMAGE]}
        assert bodies(plan_of(full, **images)) == bodies(plan_of(bare, **images))

    def test_upscale_s_factor_is_no_hires_factor_1(self) -> None:
        _, requests = run([stage("txt2img", **HIRES), stage("upscale", {"upscaler": "Lanczos", "upscale_factor": 2})])
        assert requests[0]["hires_upscale_factor"] == 3.0
        assert requests[1]["upscale_factor"] == 2

    def test_what_a_config_itself_says_of_them_is_refused_1(self) -> None:
        said = SimpleNamespace(stage_type="img2img", config={"hires_enabled": True}, hires_enabled=True)
        assert codes(refusal(plan_of(said, input_images=[IMAGE])).findings) == ["config-foreign-field"]

    def test_the_hires_strength_is_not_img2img_s_2(self) -> None:
        _, requests = run([stage("txt2img", **HIRES), stage("img2img", {"denoising_strength": 0.3}, **HIRES)])
        assert (requests[0]["hires_denoise"], requests[1]["denoising_strength"]) == (0.7, 0.3)
        error = refusal([stage("txt2img", {"denoising_strength": 0.7}, **HIRES)])
        assert "write hires_denoise" in str(error)

    @pytest.mark.parametrize("shape", SHAPES)
    def test_legal_values_that_are_false_are_kept_3(self, shape: str) -> None:
        stages = (
            StageExecution("1-txt2img", StageConfig("txt2img", {"vae_name": "", "cfg_scale": 0, "hires_denoise": 0.0})),
            StageExecution("2-img2img", StageConfig("img2img", {"denoising_strength": 0.0, "vae": ""})),
        )
        base = as_object({**RUN_CONFIG, "hires_enabled": True})
        _, requests = run(SHAPES[shape](StageExecutionPlan(stages)), base)
        assert (requests[0]["vae_name"], requests[0]["cfg_scale"], requests[0]["hires_denoise"]) == ("", 0, 0.0)
        assert (requests[1]["denoising_strength"], requests[1]["vae_name"]) == (0.0, "")

    def test_the_planner_s_and_the_executor_s_word_are_one_field_4(self) -> None:
        for word in ("refiner_model_name", "refiner_checkpoint"):
            payload = {"refiner_enabled": True, word: "refiner"}
            base = {key: value for key, value in RUN_CONFIG.items() if not key.startswith("refiner")}
            _, (fields,) = run([stage("txt2img", payload)], as_object(base))
            assert fields["refiner_model_name"] == "refiner"

    def test_what_is_unknown_is_never_dropped_in_silence_4(self) -> None:
        odd = stage("txt2img", {"promt": "a cat"})
        odd.learning = "on"  # type: ignore[attr-defined]
        odd.config.metadata.note = 1  # type: ignore[attr-defined]
        result, _ = run(plan_of(odd, colour="red"))
        assert sorted((w.code, w.severity) for w in result.warnings) == [
            *[("config-unknown-key", "warning")] * 3,
            ("host-unknown-attribute", "warning"),
        ]
        assert sorted(w.message.split("'")[1] for w in result.warnings) == ["colour", "learning", "note", "promt"]

    def test_so_is_a_word_that_counts_in_another_place_only_4(self) -> None:
        result, _ = run([stage("txt2img", {"enabled": False})])
        assert [(w.code, w.field) for w in result.warnings] == [("config-unknown-key", "enabled")]

    def test_the_detector_is_not_the_checkpoint_6(self) -> None:
        plan = plan_of(stage("adetailer", {"model": "face_yolov8n.pt"}), input_images=[IMAGE])
        _, (fields,) = run(plan)
        assert fields["adetailer_units"][0]["model"] == "face_yolov8n.pt"
        assert fields["model_name"] == "base_model"
        own = StageExecutionPlan((StageExecution("a", StageConfig("adetailer", {"model": "face.pt"})),), (IMAGE,))
        assert "for the detector adetailer_model" in str(refusal(own))

    def test_defaults_are_the_same_for_every_shape_8(self) -> None:
        kinds = [StageExecution("1-txt2img", StageConfig("txt2img"))]
        plan = StageExecutionPlan(tuple(kinds))
        found = [run(shape(plan), {"seed": 1, "subseed": 1})[1] for shape in (*SHAPES.values(), lambda same: same)]
        assert all(one == found[0] for one in found)


class Broken:
    """A stage whose property raises."""

    stage_type = "txt2img"

    def __init__(self, error: Exception) -> None:
        self._error = error

    @property
    def steps(self) -> int:
        raise self._error


class Proxy:
    """Hands on everything to what it wraps."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class TestForeignObjects:
    @pytest.mark.parametrize("error", [KeyError("secret"), AttributeError("secret"), RuntimeError("secret")])
    def test_a_property_that_raises_is_reported(self, error: Exception) -> None:
        refused = refusal([Broken(error)])
        assert codes(refused.findings) == ["host-attribute-raised"]
        assert f"stages.0: reading steps raised {type(error).__name__}" in str(refused)
        assert "secret" not in str(refused)

    def test_a_proxy_is_read_through(self) -> None:
        _, (fields,) = run([Proxy(stage("txt2img", {"steps": 3}))], Proxy(SimpleNamespace(seed=1, steps=9, prompt="x")))
        assert (fields["steps"], fields["prompt"]) == (3, "x")

    @pytest.mark.parametrize("mock", [Mock, MagicMock])
    def test_a_mock_says_what_it_was_given_and_no_more(self, mock: Any) -> None:
        given = mock(stage_type="txt2img", steps=7)
        result, (fields,) = run(mock(stages=[given]), mock(prompt="a cat", width=64, height=64))
        assert (fields["steps"], fields["prompt"]) == (7, "a cat")
        assert {w.message.split("'")[1] for w in result.warnings} <= {"method_calls"}

    def test_words_of_an_enumeration_are_its_values(self) -> None:
        class Sampler(enum.Enum):
            EULER = "Euler"

        _, (fields,) = run([stage("txt2img", {"sampler_name": Sampler.EULER})])
        assert fields["sampler_name"] == "Euler"

    def test_nothing_of_the_hosts_is_changed(self) -> None:
        payload = {"steps": 3, "alwayson_scripts": {"ControlNet": {"args": [1]}}}
        one = stage("txt2img", payload)
        before = repr(one)
        run([one])
        assert repr(one) == before

    def test_an_endless_plan_is_refused(self) -> None:
        def endless() -> Iterator[Any]:
            while True:
                yield stage("txt2img")

        assert "more than 64" in str(refusal(endless()))

    def test_a_plan_that_raises_while_it_is_read_is_refused(self) -> None:
        def torn() -> Iterator[Any]:
            yield stage("txt2img")
            raise OSError("gone")

        assert codes(refusal(torn()).findings) == ["host-attribute-raised"]

    def test_what_holds_itself_is_refused(self) -> None:
        one = stage("txt2img")
        one.config.metadata = {"metadata": None}
        one.config.metadata["metadata"] = one.config.metadata
        assert "holds itself" in str(refusal([one]))
        twice: list[Any] = []
        twice += [twice, twice]
        assert codes(refusal([stage("txt2img", {"styles": twice})]).findings) == ["config-value"]
        assert codes(refusal([StageExecution("a", StageConfig("txt2img"))], {"styles": twice}).findings) == [
            "config-value"
        ]

    def test_what_holds_too_much_is_refused(self) -> None:
        assert "more than 1000" in str(refusal([stage("txt2img", {f"word_{n}": n for n in range(2000)})]))
        assert "more than 1000" in str(
            refusal([stage("txt2img")], SimpleNamespace(**{f"w{n}": n for n in range(2000)}))
        )

    def test_names_of_any_kind_and_length_are_told_in_short(self) -> None:
        result, _ = run([stage("txt2img", {"x" * 100_000: 1, 7: 2, ("a",): 3})])  # type: ignore[dict-item]
        assert [len(warning.message) < 300 for warning in result.warnings] == [True] * 3
        assert "<int>" in result.warnings[1].message

    def test_foreign_values_are_typed_errors(self) -> None:
        for value in (object(), (n for n in ()), {1: 2}, float("nan"), "\ud800", 10**400):
            assert set(codes(refusal([stage("txt2img", {"steps": value})]).findings)) == {"config-value"}

    def test_a_comparison_that_raises_is_never_asked(self) -> None:
        class Array:
            def __eq__(self, other: object) -> bool:
                raise ValueError("ambiguous")

            __hash__ = None  # type: ignore[assignment]

        one = stage("txt2img", {"hires_enabled": Array()}, hires_enabled=Array())
        assert codes(refusal([one]).findings) == ["host-contradiction"]


class TestTheWords:
    def test_every_name_that_hosts_use_means_its_field(self) -> None:
        spellings = CATALOG.rules.spellings()
        concepts = [
            ("model_name", "model", "sd_model_checkpoint"),
            ("sampler_name", "sampler"),
            ("scheduler", "scheduler_name"),
            ("vae_name", "vae"),
            ("hires_denoise", "hires_denoise_strength"),
            ("hires_upscale_factor", "hires_scale_factor"),
            ("refiner_switch_step", "refiner_switch_steps"),
        ]
        assert [(name, spellings.get(word)) for name, *words in concepts for word in words] == [
            (name, name) for name, *words in concepts for _ in words
        ]

    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("plan: {stagez: [stages]}", "form-unknown-word"),
            ("plan: {stages: stages}", "form-shape"),
            ("parts: {extra: {words: {x: no_such}}}", "rules-unknown-field"),
            ("parts: {steps: {}}", "rules-collision"),
            ("parts: {metadata: {}}", "rules-collision"),
            ("ignored: {prompt: no}", "rules-collision"),
            ("ignored: {order_index: ''}", "form-shape"),
            ("stage_words: {txt3img: {model: model_name}}", "backend-unknown-stage"),
            ("off: {steps: {when: {steps: absent}, reason: no}}", "rules-switch"),
            ("off: {hires_enabled: {when: {group: hires}, reason: no}}", "rules-switch"),
            ("off: {hires_enabled: {when: {hires_no: absent}, reason: no}}", "rules-unknown-field"),
            ("nonsense: 1", "form-unknown-word"),
        ],
    )
    def test_a_file_of_ones_own_is_read_strictly(self, tmp_path: Path, text: str, code: str) -> None:
        folder = self.folder(tmp_path, text)
        with pytest.raises(TableError) as caught:
            _ = Catalog([folder]).host_words
        assert code in codes(caught.value.findings)
        assert all(
            finding.at is not None and finding.at.file.endswith("host.yaml") for finding in caught.value.findings
        )

    def test_what_is_wrong_with_it_is_found_by_a_check(self, tmp_path: Path) -> None:
        catalog = Catalog([self.folder(tmp_path, "nonsense: 1")])
        assert codes(catalog.findings()) == ["form-unknown-word"]

    def test_it_adds_words(self, tmp_path: Path) -> None:
        text = "plan: {stages: [steps_to_run]}\nparts: {extras: {words: {vae: vae_name}}}\nignored: {mood: ours}"
        catalog = Catalog([self.folder(tmp_path, text)])
        plan = SimpleNamespace(steps_to_run=[SimpleNamespace(stage_type="txt2img", extras={"vae": "x"}, mood=1)])
        fake = FakeClient(backend="a1111", catalog=catalog)
        result = PipelineRunner(fake).run_pipeline(plan, {"width": 64, "height": 64})
        assert result.warnings == ()
        assert fake.requests[0].fields["vae_name"] == "x"

    def folder(self, path: Path, text: str) -> Path:
        (path / "mappings").mkdir()
        (path / "mappings" / "host.yaml").write_text(f"format: 1\n{text}\n", encoding="utf-8")
        return path


def test_warnings_are_findings_that_serialise() -> None:
    result, _ = run(plan_of(stage("txt2img", {"promt": 1})))
    (warning,) = result.warnings
    assert isinstance(warning, Finding)
    assert result.to_json()["warnings"] == [warning.to_json()]
