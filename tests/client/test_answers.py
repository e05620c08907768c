"""What an answer means: the typed error, or the pictures, for every shape that a server may send."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from engine import (
    AnswerError,
    ApiClient,
    BackendError,
    Catalog,
    GenerateImagesRequest,
    GenerateResult,
    HttpStatusError,
)
from engine.backends.answer_forms import AnswerReader
from engine.conversation.answers import read_results
from engine.documents import parse_yaml
from engine.testing import picture
from engine.testing.scripted import Reply
from engine.wire import cleaned
from tests import recordings
from tests.client.conftest import Ask, Connect, Serve
from tests.client.generations import generation

SIZE = {"width": 64, "height": 64}
ONE, TWO, THREE = (picture(64, 64, name).base64 for name in ("one", "two", "three"))
ENCODED = picture(4096, 4096, "large").base64
assert len(ENCODED) > 1000


def answered(serve: Serve, connect: Connect, request: GenerateImagesRequest, reply: Reply) -> GenerateResult:
    return connect(serve(reply)).generate_images(request)


def refused(
    serve: Serve, connect: Connect, request: GenerateImagesRequest, reply: Reply, kind: type[BackendError] = AnswerError
) -> BackendError:
    with pytest.raises(kind) as caught:
        answered(serve, connect, request, reply)
    assert type(caught.value) is kind
    assert (caught.value.backend, caught.value.stage) == ("a1111", "one")
    return caught.value


class TestSuccessThatIsNone:
    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"<html>Welcome to the proxy</html>", id="a page"),
            pytest.param(b'{"images": [', id="cut off"),
            pytest.param(b"\xff\xfe\x00", id="no text"),
            pytest.param(b"[" * 100_000, id="too deep"),
            pytest.param(b'{"images": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", id="too deep, and whole"),
            pytest.param(b'{"n": ' + b"9" * 5_000 + b"}", id="a number without end"),
            pytest.param(b"{} {}", id="two values"),
        ],
    )
    def test_an_answer_that_is_no_json(self, serve: Serve, connect: Connect, ask: Ask, body: bytes) -> None:
        error = refused(serve, connect, ask(), Reply(body))
        assert error.code == "answer-not-json"
        assert "its answer is not JSON" in str(error)
        assert len(str(error)) < 200

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({}, "nothing"),
            ({"images": []}, "an empty list"),
            ({"images": None}, "null"),
            ({"images": {}}, "a mapping"),
            ({"images": 5}, "a number"),
            ({"images": True}, "a boolean"),
            ({"image": ONE}, "nothing"),
            ([], "nothing"),
            ([ONE], "nothing"),
            (None, "nothing"),
            ("ok", "nothing"),
            (0, "nothing"),
        ],
    )
    def test_an_answer_without_images(self, serve: Serve, connect: Connect, ask: Ask, data: Any, said: str) -> None:
        error = refused(serve, connect, ask(), Reply.json(data))
        assert error.code == "answer-no-images"
        assert f"at /images stands {said}" in str(error)

    @pytest.mark.parametrize(
        ("image", "said"),
        [
            (None, "null, not base64 text"),
            (5, "a number, not base64 text"),
            ({"data": ONE}, "a mapping, not base64 text"),
            ("", "cannot be used"),
            ("aGVsbG8=", "PNG, JPEG, WebP and GIF are accepted"),
            ("@@@", "not valid base64"),
            (ONE[:40], "cut off"),
            (ONE[:-1], "not valid base64"),
            (ENCODED[: len(ENCODED) // 8 * 4], "cut off"),
            ("http://127.0.0.1/picture.png", "not valid base64"),
        ],
    )
    def test_images_that_are_none(self, serve: Serve, connect: Connect, ask: Ask, image: Any, said: str) -> None:
        error = refused(serve, connect, ask(batch_size=2), Reply.json(generation(ONE, image)))
        assert error.code == "answer-bad-image"
        assert "image 1 of the answer" in str(error)
        assert said in str(error)
        assert ENCODED[:60] not in str(error)

    @pytest.mark.parametrize(
        "info", ["", "nonsense", "[]", "null", "5", '"text"', "{" * 50_000, [], 5, True, '"\\ud800"']
    )
    def test_an_account_that_cannot_be_read(self, serve: Serve, connect: Connect, ask: Ask, info: Any) -> None:
        """Which images are results stands there: without it a grid could be taken for one."""
        error = refused(serve, connect, ask(), Reply.json({"images": [ONE], "info": info}))
        assert error.code == "answer-info"

    @pytest.mark.parametrize(
        "told", [{"prompt": "\ud800"}, json.loads("[" * 100 + "]" * 100)], ids=["half a character", "too deep to show"]
    )
    def test_an_account_that_could_not_be_written_down(
        self, serve: Serve, connect: Connect, ask: Ask, told: Any
    ) -> None:
        error = refused(serve, connect, ask(), Reply.json(generation(ONE, told=told)))
        assert error.code == "answer-info"

    def test_an_account_that_calls_none_of_the_images_a_result(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        error = refused(serve, connect, ask(), Reply.json(generation(ONE, first=1)))
        assert error.code == "answer-no-images"
        assert "holds 1 images, and says that none of them is a result" in str(error)

    def test_one_image_in_a_list_where_one_alone_is_due(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        """The batch endpoint answers with a list; what was asked is the one for a single image."""
        error = refused(serve, connect, ask("upscale"), Reply.json({"images": [ONE], "html_info": ""}))
        assert error.code == "answer-no-images"
        assert "at /image stands nothing" in str(error)


class TestWhichImagesAreResults:
    def images(self, serve: Serve, connect: Connect, ask: Ask, data: Any, **fields: object) -> list[str]:
        result = answered(serve, connect, ask(**fields), Reply.json(data))
        return [image.base64 for image in result.images]

    def test_a_grid_in_front_is_none(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        data = generation(ONE, TWO, THREE, seeds=[7, 8], first=1)
        assert self.images(serve, connect, ask, data, batch_size=2) == [TWO, THREE]

    def test_maps_and_masks_behind_are_none(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        assert self.images(serve, connect, ask, generation(ONE, TWO, THREE, seeds=[7])) == [ONE]

    def test_both_at_once(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        assert self.images(serve, connect, ask, generation(ONE, TWO, THREE, seeds=[7], first=1)) == [TWO]

    def test_images_that_are_none_do_not_matter_where_no_result_is(
        self, serve: Serve, connect: Connect, ask: Ask
    ) -> None:
        assert self.images(serve, connect, ask, generation("a grid", TWO, "a map", seeds=[7], first=1)) == [TWO]

    @pytest.mark.parametrize("first", [None, "1", -1, True, 0.5, {}, float("nan"), 1e999])
    def test_nonsense_about_it_is_not_believed(self, serve: Serve, connect: Connect, ask: Ask, first: Any) -> None:
        assert self.images(serve, connect, ask, generation(ONE, seeds=[7], first=first)) == [ONE]

    def test_without_a_word_on_it_all_are(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        for data in (
            {"images": [ONE, TWO]},
            {"images": [ONE, TWO], "info": None},
            {"images": [ONE, TWO], "info": "{}"},
        ):
            assert self.images(serve, connect, ask, data, batch_size=2) == [ONE, TWO]

    def test_an_image_may_be_a_data_url(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        assert self.images(serve, connect, ask, generation(f"data:image/png;base64,{ONE}")) == [ONE]

    def test_fewer_than_asked_for_are_kept_with_a_warning(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        result = answered(serve, connect, ask(batch_size=3, **SIZE), Reply.json(generation(ONE, TWO, seeds=[7, 8, 9])))
        assert [image.base64 for image in result.images] == [ONE, TWO]
        assert result.expected == 3
        assert [(w.code, w.severity, w.stage) for w in result.warnings] == [("answer-fewer-images", "warning", "one")]
        assert result.warnings[0].message == "3 images were asked for and 2 came"

    def test_more_than_asked_for_are_kept_with_a_warning(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        result = answered(serve, connect, ask(**SIZE), Reply.json(generation(ONE, TWO, seeds=[7, 8])))
        assert len(result.images) == 2
        assert [w.code for w in result.warnings] == ["answer-more-images"]


class TestWhatTheServerTells:
    @pytest.mark.parametrize(
        ("seeds", "known"),
        [
            ([5, 6], (5, 6)),
            ([5, 6, 7], (5, 6)),
            ([5.0, 6], (5, 6)),
            ([2**63, 0], (2**63, 0)),
            ([5, None, 7], ()),
            (["5", "6"], ()),
            ([True, False], ()),
            ([float("nan"), 6], ()),
            ([1e999, 6], ()),
        ],
    )
    def test_seeds_are_the_images_or_none_at_all(
        self, serve: Serve, connect: Connect, ask: Ask, seeds: list[Any], known: tuple[int, ...]
    ) -> None:
        """A seed that stands beside another's image would be worse than none."""
        data = {**generation(ONE, TWO), "info": json.dumps({"all_seeds": seeds})}
        result = answered(serve, connect, ask(batch_size=2), Reply.json(data))
        assert result.seeds == known

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
    def test_numbers_that_are_none_become_null(self, serve: Serve, connect: Connect, ask: Ask, number: str) -> None:
        body = json.dumps({"images": [ONE], "info": '{"cfg_scale": NUMBER}', "n": 0}).replace("NUMBER", number)
        result = answered(serve, connect, ask(), Reply(body.replace('"n": 0', f'"n": {number}').encode()))
        assert result.info == ({"cfg_scale": None},)
        json.dumps(result.info, allow_nan=False)

    def test_a_large_number_is_kept(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        result = answered(serve, connect, ask(), Reply.json(generation(ONE, job=10**300, share=1e300)))
        assert (result.info[0]["job"], result.info[0]["share"]) == (10**300, 1e300)

    def test_an_account_in_plain_text_is_kept_as_one(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        data = {"image": ONE, "html_info": "<p>Postprocess upscale by: 2</p>"}
        result = answered(serve, connect, ask("upscale"), Reply.json(data))
        assert result.info == ({"text": "<p>Postprocess upscale by: 2</p>"},)
        assert result.seeds == ()


class TestRefusals:
    def message(self, serve: Serve, connect: Connect, ask: Ask, data: Any, status: int = 500) -> str:
        reply = data if isinstance(data, Reply) else Reply.json(data, status)
        error = refused(serve, connect, ask(), reply, HttpStatusError)
        assert isinstance(error, HttpStatusError)
        assert error.status == reply.status
        assert f"the server answered {reply.status}" in str(error)
        assert len(str(error)) < 700
        return str(error)

    @pytest.mark.parametrize(
        ("data", "said"),
        [
            ({"error": "RuntimeError", "detail": "", "body": "", "errors": "out of memory"}, ": out of memory"),
            ({"error": "HTTPException", "detail": "Invalid encoded image", "errors": ""}, ": Invalid encoded image"),
            ({"detail": [{"loc": ["body", "steps"], "msg": "too many"}]}, ": body/steps: too many"),
            ({"detail": [{"loc": ["body", 1, None], "msg": "no"}]}, ": body/1/None: no"),
            ({"detail": "Not Found"}, ": Not Found"),
            ({"error": "AssertionError", "detail": "", "errors": ""}, ": AssertionError"),
            ("Sampler not found", ": Sampler not found"),
            ({"error": None, "detail": None, "errors": None}, "did not say why"),
            ({"detail": {"msg": "hidden"}}, "did not say why"),
            ({"detail": []}, "did not say why"),
            ({"detail": [5]}, "did not say why"),
            ({"errors": "  \n "}, "did not say why"),
            ({}, "did not say why"),
            ([], "did not say why"),
            (None, "did not say why"),
            (5, "did not say why"),
            (Reply(b"", 500), "did not say why"),
            (Reply(b"<html><h1>Bad Gateway</h1></html>", 502), ": <html><h1>Bad Gateway</h1></html>"),
            (Reply(b"\xff\xfegarbage\x00\x1b[31mred", 500), "garbage [31mred"),
            (Reply(b'{"detail": "cut', 500), ': {"detail": "cut'),
        ],
    )
    def test_every_shape_of_a_refusal(self, serve: Serve, connect: Connect, ask: Ask, data: Any, said: str) -> None:
        assert said in self.message(serve, connect, ask, data)

    @pytest.mark.parametrize(
        ("status", "code"), [(401, "http-unauthorized"), (403, "http-unauthorized"), (404, "http-not-found")]
    )
    def test_some_have_a_code_of_their_own(
        self, serve: Serve, connect: Connect, ask: Ask, status: int, code: str
    ) -> None:
        assert refused(serve, connect, ask(), Reply.json({}, status), HttpStatusError).code == code
        assert refused(serve, connect, ask(), Reply.json({}, 429), HttpStatusError).code == "http-too-many"
        assert refused(serve, connect, ask(), Reply.json({}, 418), HttpStatusError).code == "http-status"

    def test_the_way_out_of_a_404(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        assert "is the server started with --api?" in self.message(serve, connect, ask, {"detail": "Not Found"}, 404)

    @pytest.mark.parametrize(
        "echo",
        [
            {"errors": f"cannot use {ENCODED} as a picture"},
            {"detail": [{"loc": ["body", ENCODED], "msg": "no"}]},
            {"detail": f"data:image/png;base64,{ENCODED}"},
            {"detail": "\n".join(ENCODED[at : at + 76] for at in range(0, len(ENCODED), 76))},
            ENCODED,
            Reply(ENCODED.encode(), 500),
            Reply(b"{" + ENCODED.encode(), 500),
        ],
    )
    def test_a_picture_that_is_echoed_is_left_out(self, serve: Serve, connect: Connect, ask: Ask, echo: Any) -> None:
        text = self.message(serve, connect, ask, echo)
        assert "…" in text
        parts = [ENCODED[at : at + 40] for at in range(0, len(ENCODED), 40)]
        assert not any(part in text for part in parts)

    def test_a_long_message_is_cut(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        text = self.message(serve, connect, ask, {"errors": "far too long, " * 5000})
        assert "far too long, far" in text
        assert "…" in text
        assert "\n" not in text

    @pytest.mark.parametrize("status", [201, 204, 299])
    def test_other_numbers_of_success_are_success(self, serve: Serve, connect: Connect, ask: Ask, status: int) -> None:
        if status == 204:
            assert refused(serve, connect, ask(), Reply(b"", 204)).code == "answer-not-json"
        else:
            result = answered(serve, connect, ask(), Reply.json(generation(ONE), status))
            assert len(result.images) == 1


def test_a_message_keeps_names_paths_and_digests() -> None:
    path = "C:/stable-diffusion-webui/models/Stable-diffusion/some_very_long_name_of_a_checkpoint.safetensors"
    digest = "ab12" * 16
    assert cleaned(f"cannot load {path}\n(sha256 {digest})") == f"cannot load {path} (sha256 {digest})"


def _recorded(wanted: bool) -> list[str]:
    """The names of the recordings of generations and of refusals."""
    if recordings.RECORDINGS is None:
        return []
    names = []
    for file in sorted((recordings.RECORDINGS / "a1111").glob("*.json")):
        data = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not {"request", "response", "status"} <= data.keys():
            continue
        answer, path = data["response"], data["request"]["path"]
        good = data["status"] == 200 and path.endswith(("txt2img", "img2img")) and isinstance(answer, dict)
        if (good and answer.get("images")) if wanted else data["status"] != 200:
            names.append(file.stem)
    return names


@recordings.needs_recordings
class TestRecordings:
    """What a real server said."""

    @pytest.mark.parametrize("name", _recorded(False))
    def test_a_refusal_gives_the_servers_own_message(self, serve: Serve, connect: Connect, ask: Ask, name: str) -> None:
        recording = recordings.load("a1111", name)
        data, status = recording["response"], recording["status"]
        error = refused(serve, connect, ask(), Reply.json(data, status), HttpStatusError)
        assert isinstance(error, HttpStatusError)
        assert error.status == status
        detail = data["detail"]
        if isinstance(detail, list):
            said = f"{'/'.join(str(step) for step in detail[0]['loc'])}: {detail[0]['msg']}"
        else:
            said = data.get("errors") or detail or data["error"]
        assert said  # every one of them says something
        assert " ".join(said.split())[:150] in str(error)
        assert len(error.message) < 500

    @pytest.mark.parametrize("name", _recorded(True))
    def test_a_generation_gives_its_pictures_and_seeds(
        self, serve: Serve, connect: Connect, ask: Ask, name: str
    ) -> None:
        data = recordings.load("a1111", name)["response"]
        told = json.loads(data["info"])
        # The pictures of the recordings are cut short: others stand for them, in the same places.
        pictures = [picture(64, 64, str(number)).base64 for number in range(len(data["images"]))]
        result = answered(serve, connect, ask(), Reply.json({**data, "images": pictures}))
        first = told["index_of_first_image"]
        assert [image.base64 for image in result.images] == pictures[first : first + len(told["all_seeds"])]
        assert result.seeds == tuple(told["all_seeds"])
        assert result.info == (told,)

    def test_an_answer_without_its_pictures(self, serve: Serve, connect: Connect, ask: Ask) -> None:
        data = recordings.load("a1111", "txt2img-send-images-false")["response"]
        assert refused(serve, connect, ask(), Reply.json(data)).code == "answer-no-images"

    @pytest.mark.parametrize("name", ["extra-fraction", "extra-Lanczos", "extra-resize-wh"])
    def test_an_enlargement_gives_its_picture(self, serve: Serve, connect: Connect, ask: Ask, name: str) -> None:
        data = recordings.load("a1111", name)["response"]
        result = answered(serve, connect, ask("upscale"), Reply.json({**data, "image": ONE}))
        assert [image.base64 for image in result.images] == [ONE]
        assert result.info == ({"text": data["html_info"]},)


def test_the_places_are_data(catalog: Catalog, connect: Connect) -> None:
    """What these tests see comes from mappings/a1111/backend.yaml, not from Python."""
    client: ApiClient = connect("http://127.0.0.1:9")
    form = client.backend.stages["txt2img"].answer
    assert form.images.steps == ("images",)
    assert form.skip is not None
    assert form.skip.at.file == "mappings/a1111/backend.yaml"


class TestWhereSeedsStand:
    """In the info, in the graph that was run, under one key or another."""

    @pytest.mark.parametrize(
        ("data", "count", "seeds"),
        [
            ({"a": {"x": {"seed": 7}}}, 1, (7,)),
            ({"a": {"x": {"noise_seed": 8}, "y": {"seed": 7}}}, 1, (8,)),
            ({"a": {"x": {"noise_seed": 8}, "y": {"noise_seed": 9}}}, 1, (8,)),
            ({"a": {"x": {"noise_seed": 8}}}, 2, ()),
            ({"a": {"x": {"seed": "7"}}}, 1, ()),
            ({"a": {"x": {"seed": True}}}, 1, ()),
            ({"a": {}}, 1, ()),
            ({"alone": 5}, 1, (5,)),
            ({"alone": 5.0}, 1, (5,)),
            ({"alone": None}, 1, ()),
        ],
    )
    def test_the_first_place_that_has_some_counts(self, data: Any, count: int, seeds: tuple[int, ...]) -> None:
        text = "{answers: {one: {images: /images, seeds: {first: [/a/*/noise_seed, /a/*/seed, /alone]}}}}"
        form = AnswerReader(parse_yaml(text, "page")).answer(("answers", "one"), yaml.safe_load(text)["answers"]["one"])
        found = read_results(form, {**data, "images": [ONE]}, {}, backend="x", stage="one")
        assert found.seeds_of(count) == seeds
