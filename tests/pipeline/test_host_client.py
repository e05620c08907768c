"""A host's own client behind the runner: payloads out as plain JSON, pictures, info, timings and errors back."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import engine.errors
from engine import (
    BackendError,
    CancelToken,
    Catalog,
    Event,
    HostClient,
    HttpStatusError,
    Image,
    PayloadError,
    PipelineResult,
    PipelineRunner,
    PlanError,
    StageConfig,
    StageEngineError,
    StageExecution,
    StageExecutionPlan,
    TableError,
)
from engine.testing import FakeClient, FakeHostClient, picture

CATALOG = Catalog()
WORDS = CATALOG.host_words.client
BASE = {"prompt": "a lighthouse", "width": 64, "height": 64, "seed": 7, "upscaler_name": "Lanczos"}
PIXEL = picture(64, 64, "one")


def plan_of(*kinds: str, images: tuple[Any, ...] = ()) -> StageExecutionPlan:
    needed = {"adetailer": {"adetailer_model": "face.pt"}}
    stages = tuple(StageExecution(kind, StageConfig(kind, needed.get(kind, {}))) for kind in kinds)
    return StageExecutionPlan(stages, images)


def run(theirs: Any, *kinds: str, images: tuple[Any, ...] = (), **base: Any) -> PipelineResult:
    client = HostClient(theirs, backend="a1111", catalog=CATALOG)
    return PipelineRunner(client).run_pipeline(plan_of(*(kinds or ("txt2img",)), images=images), {**BASE, **base})


def giving(outcome: Any) -> Any:
    """A client that gives this."""
    return SimpleNamespace(generate_images=lambda *, stage, payload: outcome)


class TestWhatItIsHanded:
    @pytest.mark.parametrize("bare", [False, True])
    def test_a_whole_pipeline_through_it(self, bare: bool) -> None:
        theirs = FakeHostClient(bare=bare)
        result = run(theirs, "txt2img", "img2img", "upscale", "adetailer")
        assert result.success
        assert [stage for stage, _ in theirs.calls] == ["txt2img", "img2img", "upscale", "adetailer"]
        first = result.stages[0].images[0]
        assert theirs.calls[1][1]["init_images"] == [first.base64]
        assert theirs.calls[2][1]["image"] == result.stages[1].images[0].base64

    def test_payloads_are_what_our_own_client_would_send(self) -> None:
        theirs, ours = FakeHostClient(), FakeClient(backend="a1111", catalog=CATALOG)
        run(theirs, "img2img", images=(PIXEL,))
        planned = PipelineRunner(ours).check(plan_of("img2img", images=(PIXEL,)), {**BASE, "subseed": 1})
        assert planned.stages[0].prepared is not None
        sent = json.loads(engine.wire.encode(planned.stages[0].prepared.bodies[0]))
        assert {**theirs.calls[0][1], "subseed": 1} == sent

    def test_they_are_plain_json_and_nobody_elses(self) -> None:
        def spoil(*, stage: str, payload: Any) -> Any:
            assert json.loads(json.dumps(payload)) == payload
            payload.clear()
            return {"images": [PIXEL.base64]}

        result = run(SimpleNamespace(generate_images=spoil), "txt2img")
        assert result.success
        assert result.stages[0].request is not None
        assert result.stages[0].request.fields["prompt"] == "a lighthouse"

    def test_a_stage_that_it_does_not_know_is_called_by_its_word(self) -> None:
        theirs = FakeHostClient()
        run(theirs, "hires", images=(PIXEL,))
        assert theirs.calls[0][0] == "img2img"

    def test_several_pictures_are_several_calls_in_order(self) -> None:
        theirs = FakeHostClient()
        images = (picture(64, 64, "one"), picture(64, 64, "two"))
        result = run(theirs, "upscale", images=images)
        assert [payload["image"] for _, payload in theirs.calls] == [image.base64 for image in images]
        assert len(result.images) == len(result.stages[0].wire_digests) == 2

    def test_nothing_is_handed_over_where_a_payload_is_wrong(self) -> None:
        theirs = FakeHostClient()
        with pytest.raises(PayloadError):
            run(theirs, "txt2img", "hires", "upscale", width=4096, height=4096, hires_upscale_factor=8)
        with pytest.raises(PlanError):
            run(theirs, steps=0)
        assert theirs.calls == []

    def test_what_is_known_only_when_it_is_sent_cannot_be_handed_over(self, tmp_path: Path) -> None:
        shutil.copytree(Path(__file__).parents[1] / "own_backend", tmp_path, dirs_exist_ok=True)
        table, contract = tmp_path / "mappings/easel/txt2img.yaml", tmp_path / "schemas/easel/paint.json"
        table.write_text(
            table.read_text("utf-8").replace("  seed: seed", "  seed: seed\n  ticket: {late: job_id}"), "utf-8"
        )
        schema = json.loads(contract.read_text("utf-8"))
        schema["properties"]["ticket"] = {"type": "string"}
        contract.write_text(json.dumps(schema), "utf-8")
        theirs, catalog = FakeHostClient(), Catalog([tmp_path])
        runner = PipelineRunner(HostClient(theirs, backend="easel", catalog=catalog))
        with pytest.raises(PayloadError) as caught:
            runner.run_pipeline(plan_of("txt2img"), {"prompt": "x"})
        assert [finding.code for finding in caught.value.findings] == ["host-client-late"]
        assert "job_id" in str(caught.value)
        assert theirs.calls == []

    def test_a_client_without_timings_is_not_given_any(self) -> None:
        seen: list[dict[str, Any]] = []
        run(SimpleNamespace(generate_images=lambda **words: seen.append(words) or {"images": [PIXEL.data]}))
        assert seen[0]["timings"] == {}
        assert run(giving({"images": [PIXEL.data]})).success


class TestWhatComesBack:
    @pytest.mark.parametrize(
        "image",
        [PIXEL.base64, PIXEL.data, bytearray(PIXEL.data), PIXEL, f"data:image/png;base64,{PIXEL.base64}"],
    )
    def test_images_in_any_form(self, image: Any) -> None:
        for images in ([image], (image,), image):
            assert run(giving({"images": images})).images == (PIXEL,)
        assert run(giving(SimpleNamespace(ok=True, result={"image": image}, error=None))).images == (PIXEL,)

    @pytest.mark.parametrize("image", [5, None, object(), "nonsense", b"nonsense", Image.predict(8, 8), [PIXEL.base64]])
    def test_what_is_no_image_is_a_typed_error(self, image: Any) -> None:
        result = run(giving({"images": [image]}))
        assert result.status == "failed"
        assert result.error is not None
        assert result.error.code in ("answer-bad-image", "client-result")

    @pytest.mark.parametrize(
        "outcome",
        [None, [], "text", 5, {}, {"images": []}, {"images": None}, SimpleNamespace(ok=True, result=None, error=None)],
    )
    def test_no_image_is_no_success(self, outcome: Any) -> None:
        result = run(giving(outcome))
        assert result.status == "failed"
        assert result.error is not None
        assert result.error.code in ("answer-no-images", "client-result")

    def test_an_outcome_whose_properties_raise_is_a_typed_error(self) -> None:
        class Outcome:
            @property
            def result(self) -> Any:
                raise RuntimeError("secret")

        error = run(giving(Outcome())).error
        assert error is not None
        assert (error.code, "secret" in str(error)) == ("client-result", False)

    @pytest.mark.parametrize("form", [lambda info: info, json.dumps])
    def test_info_gives_seeds_and_what_stands_before_the_results(self, form: Any) -> None:
        info = {"all_seeds": [7, 8], "index_of_first_image": 1, "note": "x"}
        images = [picture(64, 64, str(n)).base64 for n in range(3)]
        result = run(giving({"images": images, "info": form(info)}), batch_size=2)
        assert [image.base64 for image in result.images] == images[1:]
        assert result.stages[0].seeds == (7, 8)
        assert result.stages[0].info[0]["note"] == "x"
        assert result.success

    def test_info_that_is_text_is_kept_and_what_is_no_data_is_not(self) -> None:
        assert run(giving({"images": [PIXEL.data], "info": "Steps: 20"})).stages[0].info == ({"text": "Steps: 20"},)
        assert run(giving({"images": [PIXEL.data], "info": {"x": object()}})).stages[0].info == ({},)
        assert run(giving({"images": [PIXEL.data], "info": "5"})).stages[0].info == ({"text": "5"},)

    def test_timings_stand_in_info_wherever_they_were_written(self) -> None:
        assert run(FakeHostClient()).stages[0].info[0]["timings"] == {"generate": 0.25}
        told = giving({"images": [PIXEL.data], "timings": {"total": 1.5}})
        assert run(told).stages[0].info[0]["timings"] == {"total": 1.5}
        assert run(giving({"images": [PIXEL.data], "timings": {"total": object()}})).stages[0].info == ({},)

    def test_fewer_images_than_asked_for_are_partial(self) -> None:
        result = run(FakeHostClient(gives=2), "txt2img", "upscale", batch_size=3)
        assert [one.status for one in result.stages] == ["partial", "skipped"]
        assert len(result.images) == 2
        assert [warning.code for warning in result.stages[0].warnings] == ["answer-fewer-images"]

    def test_pictures_beside_an_error_are_kept(self) -> None:
        error = SimpleNamespace(code="unknown_error", message="out of memory", stage="txt2img", details=None)
        outcome = SimpleNamespace(ok=False, result=SimpleNamespace(images=[PIXEL.base64]), error=error)
        result = run(giving(outcome), batch_size=2)
        assert (result.status, result.images) == ("partial", (PIXEL,))
        assert result.error is not None
        assert "out of memory" in result.error.message

    def test_after_an_error_no_further_call_is_made(self) -> None:
        outcomes = [{"images": [PIXEL.data], "error": "out of memory"}]
        theirs = SimpleNamespace(generate_images=lambda *, stage, payload: outcomes.pop(0))
        result = run(theirs, "upscale", images=(picture(64, 64, "1"), picture(64, 64, "2")))
        assert (result.status, result.images) == ("partial", (PIXEL,))
        assert result.error is not None
        assert "out of memory" in result.error.message

    def test_between_calls_the_token_is_asked(self) -> None:
        token = CancelToken()

        def answer(*, stage: str, payload: Any) -> Any:
            token.cancel()
            return {"images": [PIXEL.data]}

        client = HostClient(SimpleNamespace(generate_images=answer), backend="a1111", catalog=CATALOG)
        images = tuple(picture(64, 64, str(number)) for number in range(3))
        told: list[Event] = []
        runner = PipelineRunner(client, listeners=[told.append])
        result = runner.run_pipeline(plan_of("upscale", images=images), BASE, token)
        assert (result.status, result.images) == ("cancelled", (PIXEL,))
        progress = [event.progress for event in told if event.progress is not None]
        assert [(one.call, one.calls) for one in progress] == [(0, 3)]

    @pytest.mark.parametrize("raises", [False, True])
    def test_a_later_picture_that_fails_keeps_the_earlier_ones(self, raises: bool) -> None:
        outcomes = [{"images": [PIXEL.data]}, {"error": {"code": "connection_error", "message": "gone"}}]

        def answer(*, stage: str, payload: Any) -> Any:
            outcome = outcomes.pop(0)
            if raises and not outcomes:
                raise OSError("gone")
            return outcome

        images = tuple(picture(64, 64, str(number)) for number in range(3))
        result = run(SimpleNamespace(generate_images=answer), "upscale", images=images)
        assert (result.status, result.images) == ("partial", (PIXEL,))
        assert result.error is not None
        assert result.error.code == ("client-raised" if raises else "backend-unreachable")
        assert outcomes == []

    def test_what_it_raises_becomes_a_typed_error(self) -> None:
        def broken(*, stage: str, payload: Any) -> Any:
            raise ValueError(f"bad {base64.b64encode(bytes(4000)).decode()}")

        error = run(SimpleNamespace(generate_images=broken)).error
        assert error is not None
        assert error.code == "client-raised"
        assert "AAAA" not in str(error)


class TestErrors:
    CODES = (
        *("connection_error", "invalid_model", "invalid_sampler", "invalid_scheduler", "adetailer_config_error"),
        *("payload_validation_error", "unknown_error"),
    )

    @pytest.mark.parametrize("bare", [False, True])
    @pytest.mark.parametrize("code", CODES)
    def test_each_of_its_codes_is_one_of_ours_and_the_way_back(self, code: str, bare: bool) -> None:
        result = run(FakeHostClient(fails={"txt2img": (code, "no luck")}, bare=bare))
        error = result.error
        assert isinstance(error, BackendError)
        assert (error.stage, error.backend) == ("txt2img", "a1111")
        assert "no luck" in error.message
        meaning = WORDS.codes[code]
        assert (type(error).__name__, error.code) == (meaning.error, meaning.code)
        assert WORDS.code_of(error, CATALOG.rules) == code

    def test_those_are_all_that_there_are(self) -> None:
        assert tuple(WORDS.codes) == self.CODES

    @pytest.mark.parametrize("code", ["no_such_code", None, 5, ""])
    def test_a_code_that_nobody_knows_is_kept_as_unknown(self, code: Any) -> None:
        error = run(giving({"ok": False, "error": {"code": code, "message": "x", "details": {"a": 1}}})).error
        assert error is not None
        assert (error.code, 'x: {"a":1}' in error.message) == ("backend-failed", True)

    @pytest.mark.parametrize("told", ["no luck", {"message": "no luck"}, SimpleNamespace(message="no luck")])
    def test_an_error_may_be_a_word(self, told: Any) -> None:
        error = run(giving({"error": told})).error
        assert error is not None
        assert "no luck" in error.message

    @pytest.mark.parametrize("told", ["", None, {}])
    def test_nothing_is_no_error_where_it_is_ok(self, told: Any) -> None:
        assert run(giving({"images": [PIXEL.data], "error": told})).success
        error = run(giving({"ok": False, "images": [], "error": told})).error
        assert error is not None
        assert "did not say why" in error.message

    @pytest.mark.parametrize("result", ["", "nothing", 5, [], {}, None])
    def test_an_error_counts_whatever_stands_beside_it(self, result: Any) -> None:
        error = run(giving({"ok": False, "result": result, "error": {"code": "invalid_model", "message": "x"}})).error
        assert error is not None
        assert error.code == "refused-model"

    def test_a_part_that_cannot_be_compared_is_no_crash(self) -> None:
        class Array:
            def __eq__(self, other: object) -> bool:
                raise ValueError("ambiguous")

            __hash__ = None  # type: ignore[assignment]

        error = run(giving({"ok": False, "error": {"message": Array(), "details": Array()}})).error
        assert error is not None
        assert "did not say why" in error.message

    def test_no_secret_and_no_picture_is_in_a_message(self) -> None:
        error = run(giving({"error": {"message": f"bad image {PIXEL.base64 * 5}"}})).error
        assert error is not None
        assert PIXEL.base64[:80] not in str(error)

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({"steps": 0}, "payload_validation_error"),
            ({"sampler_name": 5}, "invalid_sampler"),
            ({"model_name": 5}, "invalid_model"),
            ({"scheduler": "no such"}, "invalid_scheduler"),
        ],
    )
    def test_our_errors_are_told_in_its_codes(self, fields: dict[str, Any], code: str) -> None:
        with pytest.raises(PlanError) as caught:
            run(FakeHostClient(), **fields)
        assert WORDS.code_of(caught.value, CATALOG.rules) == code

    def test_so_are_those_of_adetailer_and_those_that_no_code_fits(self) -> None:
        with pytest.raises(PlanError) as caught:
            run(FakeHostClient(), "adetailer", images=(PIXEL,), adetailer_confidence=5)
        assert WORDS.code_of(caught.value, CATALOG.rules) == "adetailer_config_error"
        assert WORDS.code_of(StageEngineError("x", code="client-raised"), CATALOG.rules) == "unknown_error"

    @pytest.mark.parametrize(
        ("status", "code"), [(422, "payload_validation_error"), (503, "connection_error"), (500, "unknown_error")]
    )
    def test_a_server_s_status_tells(self, status: int, code: str) -> None:
        error = HttpStatusError("x", status=status, backend="a1111", stage="one")
        assert WORDS.code_of(error, CATALOG.rules) == code

    def test_every_public_error_has_a_way_back(self) -> None:
        for name in engine.errors.__all__:
            kind = getattr(engine.errors, name)
            if isinstance(kind, type) and issubclass(kind, BackendError):
                extra = {"status": 500} if name == "HttpStatusError" else {}
                error = kind("x", code="some-code", backend="a1111", stage="one", **extra)
                assert WORDS.code_of(error, CATALOG.rules) in TestErrors.CODES


class TestTheWords:
    @pytest.mark.parametrize(
        ("old", "new", "code"),
        [
            ("format: 1", "format: 2", "table-format"),
            ("  hires: img2img", "  hirez: img2img", "backend-unknown-stage"),
            ("  ok: [ok]", "  okay: [ok]", "form-unknown-word"),
            ("  ok: [ok]", "  ok: ok", "form-shape"),
            ("error: BackendError, ", "error: KeyError, ", "host-unknown-code"),
            ('    "422": payload', '    "9": payload', "host-unknown-code"),
            ("otherwise: unknown_error", "otherwise: no_such", "host-unknown-code"),
            ("    model_name: invalid_model", "    model_nam: invalid_model", "host-unknown-code"),
            ("    model_name: invalid_model", "    model_name: no_such", "host-unknown-code"),
            ("    PlanError: payload", "    PlanErro: payload", "host-unknown-code"),
        ],
    )
    def test_a_file_of_ones_own_is_read_strictly(self, tmp_path: Path, old: str, new: str, code: str) -> None:
        text = (Path(__file__).parents[2] / "mappings" / "host_client.yaml").read_text(encoding="utf-8")
        assert old in text
        (tmp_path / "mappings").mkdir()
        (tmp_path / "mappings" / "host_client.yaml").write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(TableError) as caught:
            _ = Catalog([tmp_path]).host_words
        assert code in [finding.code for finding in caught.value.findings]
