"""One plan, every back end: it builds on all of them, and each is asked for the same pictures.

What is the same is read back from the bodies by readers that know a protocol and nothing of this engine: a body of the
/sdapi/v1 family, a graph of nodes. A back end of another protocol needs a reader here before it can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine import Catalog, Image, PayloadError, PlannedRun, RunConfig, StageConfig, StageExecution
from engine import StageExecutionPlan as Plan
from engine.client import PreparedRequest
from engine.documents import read_document
from engine.planning import plan_run
from engine.testing import picture
from engine.testing.strategies import Strategies

CATALOG = Catalog()
DRAWN = Strategies(CATALOG)
BACKENDS = [name for name in CATALOG.names() if name in ("a1111", "forge", "sdnext", "comfyui")]
BOOK: Any = read_document(Path(__file__).resolve().parent / "portability.yaml").value

FEW = settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


# -- plans within the book --------------------------------------------------------------------------------------------


def value(name: str) -> st.SearchStrategy[Any]:
    if name in BOOK["values"]:
        return st.sampled_from(BOOK["values"][name])
    if name in BOOK["least"]:
        return st.integers(round(BOOK["least"][name] * 20), 20).map(lambda n: n / 20)
    if name.endswith("prompt"):
        return st.sampled_from(["", "a lighthouse", "a (red:1.2) boat, dusk", "ein Schiff\nim Meer"])
    if name == "seed":
        return st.integers(0, 2**32 - 100)
    if name.endswith("model_name"):
        return st.sampled_from(["dream.safetensors", "sketch.safetensors"])
    if name in ("width", "height"):
        return st.integers(8, 64).map(lambda n: n * 8)
    return DRAWN.value_of(name)


@st.composite
def configs(draw: st.DrawFn, stage: str) -> dict[str, Any]:
    names = BOOK["stages"][stage]
    fields = {name: draw(value(name)) for name in names if not name.endswith("_enabled") and draw(st.booleans())}
    for group in ("refiner", "hires"):
        if f"{group}_enabled" in names:
            fields[f"{group}_enabled"] = any(name.startswith(f"{group}_") for name in fields)
    if fields.get("refiner_enabled"):
        fields["refiner_model_name"] = "sketch.safetensors"
    if stage == "upscale":
        fields["upscaler_name"] = draw(value("upscaler_name"))
    if stage == "adetailer":
        fields["adetailer_model"] = draw(value("adetailer_model"))
    # What the server has loaded is no part of the plan: without a name, one back end may have to refuse.
    if "model_name" in names:
        fields["model_name"] = draw(value("model_name"))
    return {name: found for name, found in fields.items() if found is not None}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    kinds = draw(st.lists(st.sampled_from(["img2img", "hires", "upscale", "adetailer"]), max_size=2))
    if draw(st.booleans()) or not kinds:
        kinds, images = ["txt2img", *kinds], []
    else:
        images = draw(st.lists(st.builds(picture, st.integers(16, 96), st.integers(16, 96)), min_size=1, max_size=2))
    stages = [StageExecution(f"{n}-{kind}", StageConfig(kind, draw(configs(kind)))) for n, kind in enumerate(kinds)]
    return Plan(tuple(stages), tuple(images))


def built(backend: str, plan: Plan) -> PlannedRun:
    found = CATALOG.backend(backend)
    base = RunConfig(seed=7)
    return plan_run(plan, base, CATALOG, lambda request: PreparedRequest.of(found, request))


# -- readers ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """What one body asks for. None: this body does not say it."""

    prompt: str | None
    negative: str | None
    seeds: tuple[int, ...] | None
    size: tuple[int, int]
    picture: str | None


def down(number: Fraction | float) -> int:
    return math.floor(Fraction(str(number)) / 8) * 8


def read_sdapi(body: Mapping[str, Any]) -> Asked:
    """A body of the /sdapi/v1 family."""
    if "upscaling_resize" in body:
        image, factor = body["image"], Fraction(str(body["upscaling_resize"]))
        return Asked(None, None, None, (down(image.width * factor), down(image.height * factor)), image.digest)
    images = body.get("init_images", [])
    assert len(images) <= 1, "pictures go one by one"
    size = body["width"], body["height"]
    enlarged = body.get("hr_resize_mode", 1) if body.get("enable_hr") else 0
    if enlarged and "hr_scale" in body:
        factor = Fraction(str(body["hr_scale"]))
        size = down(size[0] * factor), down(size[1] * factor)
    count = body["batch_size"] * body["n_iter"]
    without_sampling = body["steps"] == 1 and body["denoising_strength"] == 0 and body["prompt"] == ""
    # A detailer's own prompt counts where it has one.
    script = body.get("alwayson_scripts", {}).get("ADetailer", {"args": []})["args"]
    own = {
        key.split("_", 1)[1]: text
        for part in (body, *script[2:])
        for key, text in part.items()
        if key.startswith(("ad_", "detailer_"))
    }
    return Asked(
        None if without_sampling else own.get("prompt") or body["prompt"],
        None if without_sampling else own.get("negative_prompt") or own.get("negative") or body["negative_prompt"],
        None if without_sampling else tuple(body["seed"] + n for n in range(count)),
        size,
        images[0].digest if images else None,
    )


def read_graph(body: Mapping[str, Any]) -> Asked:
    """A graph of nodes, walked back from where its pictures are saved."""
    inputs = {name: node["inputs"] for name, node in body.items()}
    (end,) = [name for name, node in body.items() if node["class_type"] == "SaveImage"]
    path = [end]
    flow = ("images", "image", "pixels", "samples", "latent_image")
    while (
        link := next((inputs[path[-1]][key] for key in flow if isinstance(inputs[path[-1]].get(key), list)), None)
    ) is not None:
        path.append(link[0])
    sized = next(name for name in path if "width" in inputs[name] or isinstance(inputs[name].get("image"), Image))
    image = inputs[path[-1]].get("image")
    if "width" in inputs[sized]:
        size = inputs[sized]["width"], inputs[sized]["height"]
    else:
        encoded = any(body[name]["class_type"] == "VAEEncode" for name in path)
        size = (down(image.width), down(image.height)) if encoded else (image.width, image.height)
    painters = [name for name in reversed(path) if "positive" in inputs[name]]
    seeds = {inputs[name][key] for name in painters for key in ("seed", "noise_seed") if key in inputs[name]}

    def text(side: str) -> str | None:
        return str(inputs[inputs[painters[0]][side][0]]["text"]) if painters else None

    assert len(seeds) <= 1
    return Asked(
        text("positive"),
        text("negative"),
        tuple(seeds) or None,
        size,
        image.digest if isinstance(image, Image) else None,
    )


READERS = {"a1111": read_sdapi, "forge": read_sdapi, "sdnext": read_sdapi, "comfyui": read_graph}


def asked(backend: str, run: PlannedRun, index: int) -> Iterator[tuple[object, ...]]:
    """What a stage asks for, one entry a picture."""
    prepared, kind = run.stages[index].prepared, run.stages[index].execution.stage_type
    assert prepared is not None
    for body in prepared.bodies:
        read = READERS[backend](body)
        # A detailer is told the size at which it paints, and gives what came in.
        size = None if kind == "adetailer" else read.size
        for seed in read.seeds or (None,):
            yield (read.prompt, read.negative, seed, size, read.picture)


def test_every_back_end_has_a_reader() -> None:
    assert set(BACKENDS) <= READERS.keys()
    assert {"a1111", "forge", "sdnext"} <= set(BACKENDS)


@given(plans())
@FEW
def test_a_plan_builds_everywhere_and_asks_for_the_same(plan: Plan) -> None:
    runs = {backend: built(backend, plan) for backend in BACKENDS}
    first = BACKENDS[0]
    for index, stage in enumerate(plan.stages):
        expected = list(asked(first, runs[first], index))
        sizes = [(one.width, one.height) for one in stand_ins(runs[first], index)]
        for backend in BACKENDS[1:]:
            assert list(asked(backend, runs[backend], index)) == expected, (backend, stage.id)
            assert [(one.width, one.height) for one in stand_ins(runs[backend], index)] == sizes, (backend, stage.id)


def stand_ins(run: PlannedRun, index: int) -> tuple[Image, ...]:
    prepared = run.stages[index].prepared
    assert prepared is not None
    return prepared.stand_ins


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_book_names_what_there_is(backend: str) -> None:
    stages = CATALOG.backend(backend).stages
    assert set(BOOK["stages"]) <= set(stages)
    for kind, names in BOOK["stages"].items():
        limits = {subject.name for subject in stages[kind].limits if subject.kind in ("field", "group")}
        rules = CATALOG.rules
        assert not limits & {*names, *(rules.group_of(name) for name in names)}, (backend, kind)
        for subject in stages[kind].limits:
            if subject.kind == "value" and subject.name in BOOK["values"]:
                assert subject.value not in BOOK["values"][subject.name], (backend, subject)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", BOOK["elsewhere"], ids=lambda case: "-".join(case["fields"]))
def test_anything_else_builds_or_is_refused_by_name(case: Mapping[str, Any], backend: str) -> None:
    kind, fields = case["stage"], case["fields"]
    images = (picture(64, 64),) if CATALOG.rules.stages[kind].takes_images else ()
    plan = Plan(
        (StageExecution("one", StageConfig(kind, {"prompt": "a", **fields} if kind != "upscale" else fields)),), images
    )
    try:
        built(backend, plan)
    except PayloadError as problem:
        for finding in problem.findings:
            assert finding.code.startswith("unsupported-")
            assert finding.backend == backend
            assert finding.field in fields


def test_what_is_elsewhere_is_somewhere_and_not_everywhere() -> None:
    for case in BOOK["elsewhere"]:
        limits = [CATALOG.backend(backend).stages[case["stage"]].limits for backend in BACKENDS]
        limited = [
            any(s.name in case["fields"] for s in one if s.kind == "field" or s.value in case["fields"].values())
            for one in limits
        ]
        assert any(limited), case
        assert not all(limited), case
