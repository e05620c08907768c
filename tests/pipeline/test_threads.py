"""One client and one runner, several runs at once, over real HTTP: what is of one run stays in it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine import ApiClient, CancelToken, Catalog, Event, PipelineRunner, StageConfig, StageExecution
from engine import StageExecutionPlan as Plan
from engine.preview import PreviewServer

CATALOG = Catalog()
RUNS = 6


def plan_of(number: int) -> Plan:
    stages = (StageExecution("draw", StageConfig("txt2img")), StageExecution("redraw", StageConfig("img2img")))
    return Plan(stages, run_id=f"run-{number}")


def base_of(number: int) -> dict[str, Any]:
    return {"prompt": f"lighthouse {number}", "seed": number, "subseed": 0, "width": 64 + 8 * number, "height": 64}


def test_runs_do_not_meet() -> None:
    heard: dict[str, list[Event]] = {}
    records: list[dict[str, Any]] = []
    lock, gate = threading.Lock(), threading.Barrier(RUNS, timeout=20)

    def hear(event: Event) -> None:
        with lock:
            heard.setdefault(event.run_id, []).append(event)
        if event.kind == "run_started":
            gate.wait()  # all of them are under way at the same time

    with (
        PreviewServer(protocol="sdapi", check=lambda _name, _body: []) as server,
        ApiClient(server.url, backend="a1111", catalog=CATALOG) as client,
    ):
        runner = PipelineRunner(client, listeners=[hear], on_learning_record=records.append)
        with ThreadPoolExecutor(RUNS) as pool:
            results = list(pool.map(lambda n: runner.run_pipeline(plan_of(n), base_of(n)), range(RUNS)))
        alone = [
            runner_alone.run_pipeline(plan_of(n), base_of(n))
            for n in range(RUNS)
            for runner_alone in [PipelineRunner(client)]
        ]
    for number, (result, same) in enumerate(zip(results, alone, strict=True)):
        assert result.success
        assert result.run_id == f"run-{number}"
        assert result.images == same.images
        assert result.images[0].width == 64 + 8 * number
        kinds = [event.kind for event in heard[result.run_id] if event.kind != "progress"]
        assert kinds == ["run_started", *["stage_started", "stage_finished"] * 2, "run_finished"]
    assert sorted(record["run_id"] for record in records) == [f"run-{n}" for n in range(RUNS)]


def test_a_token_stops_its_own_run_only() -> None:
    tokens = [CancelToken() for _ in range(4)]

    def hear(event: Event) -> None:
        if event.kind == "stage_finished" and event.run_id in ("run-1", "run-3"):
            tokens[int(event.run_id[-1])].cancel()

    with (
        PreviewServer(protocol="sdapi", check=lambda _name, _body: []) as server,
        ApiClient(server.url, backend="a1111", catalog=CATALOG) as client,
        ThreadPoolExecutor(4) as pool,
    ):
        runner = PipelineRunner(client, listeners=[hear])
        results = list(pool.map(lambda n: runner.run_pipeline(plan_of(n), base_of(n), tokens[n]), range(4)))
    assert [result.status for result in results] == ["completed", "cancelled", "completed", "cancelled"]
    assert [len(result.images) for result in results] == [1, 1, 1, 1]


def test_a_catalog_that_several_threads_ask_first_is_loaded_once() -> None:
    catalog = Catalog()
    gate = threading.Barrier(8, timeout=20)

    def ask(_: int) -> tuple[int, int]:
        gate.wait()
        return id(catalog.backend("a1111")), id(catalog.rules)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
