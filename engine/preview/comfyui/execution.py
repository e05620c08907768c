"""One graph, executed: node by node, from what the cache has to what is saved, with every message on the way.

This module knows the order of messages (0.3.64, recorded), what counts as the same node (its class and everything that
flows into it, whatever it is called), and how a run ends. What nodes give stands in `drawing`.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from PIL import Image

from engine.preview.comfyui.drawing import SAMPLERS, NodeFailure, draw_node
from engine.preview.comfyui.files import Files, Outside
from engine.preview.comfyui.jobs import Cache, Job, Listener, Outcome
from engine.preview.comfyui.values import Pictures
from engine.preview.dice import Dice
from engine.preview.pixels import NotAPicture, Picture, TooLarge, read_picture, write_png
from engine.preview.retouch import half_made
from engine.tables.nodes import Nodes
from engine.values import Json, canonical

__all__ = ["Execution"]

_log = logging.getLogger("engine.preview")

#: A sampling is told in at most so many steps, however many were asked for, and shown so often.
_MAX_TICKS: Final = 200
_PREVIEWS: Final = 4
_PREVIEW_SIDE: Final = 256


class _Interrupted(Exception):  # noqa: N818 - somebody's wish
    pass


class Execution:
    """One run of one job. `pause` waits for so many seconds and says whether the job was interrupted."""

    def __init__(
        self, job: Job, nodes: Nodes, files: Files, cache: Cache, listener: Listener, pause: Callable[[float], bool]
    ) -> None:
        self._job, self._nodes, self._files, self._cache = job, nodes, files, cache
        self._listener, self._pause = listener, pause
        self._messages: list[tuple[str, dict[str, Json]]] = []
        self._values: dict[str, tuple[object, ...]] = {}
        self._results: dict[str, Json] = {}
        self._progress: dict[str, Json] = {}
        self._executed: list[Json] = []

    def run(self, delay: float) -> Outcome:
        """Execute. `delay` is what all samplings together take beside the drawing, in seconds."""
        marks = {name: self._mark(name) for name in self._order()}
        self._tell("execution_start", {})
        cached = [name for name in marks if marks[name] in self._cache.values or marks[name] in self._cache.results]
        self._tell("execution_cached", {"nodes": list(cached)})
        waiting = [name for name in marks if name not in cached]
        slow = [name for name in waiting if self._class(name) in SAMPLERS] or waiting[-1:]
        ending = ""
        node = ""
        try:
            for name in cached:
                self._take_from_cache(name, marks[name])
            for node in waiting:
                self._execute(node, delay / len(slow) if node in slow else 0.0)
        except _Interrupted:
            ending = "execution_interrupted"
            self._end(ending, node, {})
        except NodeFailure as failure:
            ending = "execution_error"
            self._end(ending, node, {"exception_message": failure.text, "exception_type": failure.kind})
        except TooLarge as problem:
            ending = "execution_error"
            told: dict[str, Json] = {"exception_message": str(problem), "exception_type": "torch.OutOfMemoryError"}
            self._end(ending, node, told)
        except Exception as error:  # noqa: BLE001 - a job's outermost boundary: whatever broke is told, and the next runs
            _log.exception("The preview could not execute node %s.", node)
            ending = "execution_error"
            self._end(ending, node, {"exception_message": str(error)[:300], "exception_type": type(error).__name__})
        self._cache.values = {marks[name]: value for name, value in self._values.items()}
        self._cache.results = {marks[name]: value for name, value in self._results.items()}
        if not ending:
            self._tell("execution_success", {})
        return Outcome("error" if ending else "success", dict(self._results), tuple(self._messages))

    # -- the graph ----------------------------------------------------------------------------------------------

    def _inputs(self, name: str) -> Mapping[str, Json]:
        node = self._job.graph[name]
        inputs = node.get(self._nodes.inputs_key) if isinstance(node, dict) else None
        return inputs if isinstance(inputs, dict) else {}

    def _class(self, name: str) -> str:
        found = self._nodes.class_of(self._job.graph, name)
        return "" if found is None else found.name

    def _order(self) -> list[str]:
        """The nodes that the results need, each behind what flows into it."""
        found: list[str] = []
        stack = [(name, False) for name in reversed(self._job.outputs)]
        while stack:
            name, ready = stack.pop()
            if name in found:
                continue
            if ready:
                found.append(name)
                continue
            stack.append((name, True))
            sources = [value[0] for value in self._inputs(name).values() if isinstance(value, list)]
            stack += [(str(source), False) for source in reversed(sources)]
        return found

    def _mark(self, name: str) -> str:
        """What stands for a node in the cache: its class, its values, and the marks of what flows into it."""
        parts: dict[str, Json] = {}
        for key, value in self._inputs(name).items():
            parts[key] = [self._mark(str(value[0])), value[1]] if isinstance(value, list) else value
        if "image" in parts and isinstance(parts["image"], str):
            data = self._files.read(self._files.named(parts["image"]))
            parts["image bytes"] = "" if data is None else hashlib.sha256(data).hexdigest()
        return hashlib.sha256(canonical([self._class(name), parts]).encode()).hexdigest()

    # -- one node -----------------------------------------------------------------------------------------------

    def _take_from_cache(self, name: str, mark: str) -> None:
        if mark in self._cache.values:
            self._values[name] = self._cache.values[mark]
        if mark in self._cache.results:
            result = self._results[name] = self._cache.results[mark]
            self._say("executed", {"node": name, "display_node": name, "output": result})
            self._state(name, 1, 1, "finished")

    def _execute(self, name: str, delay: float) -> None:
        node = self._nodes.classes[self._class(name)]
        self._state(name, 0.0, 1.0, "running")
        self._say("executing", {"node": name, "display_node": name})
        if self._pause(0):
            raise _Interrupted
        inputs = {
            key: self._values[str(value[0])][_slot(value[1])] if isinstance(value, list) else value
            for key, value in self._inputs(name).items()
        }
        if node.result:
            self._wait(name, delay, 1, None)
            result = self._results[name] = self._save(inputs, temporary="filename_prefix" not in inputs)
            self._say("executed", {"node": name, "display_node": name, "output": result})
        else:
            if node.name in SAMPLERS and self._job.fault is not None and self._job.fault.kind == "oom":
                self._pause(delay / 2)
                text = "Allocation on device \nThis error means you ran out of memory on your GPU."
                raise NodeFailure("torch.OutOfMemoryError", f"{text} (A preview that was told so.)\n")
            self._values[name] = draw_node(node, inputs, self._open)
            steps = inputs.get("steps") if node.name in SAMPLERS else 1
            self._wait(name, delay, steps if isinstance(steps, int) else 1, self._values[name][0])
        self._state(name, *self._last(name), "finished")
        self._executed.append(name)

    def _wait(self, name: str, delay: float, steps: int, value: object) -> None:
        """Let the time pass that this node takes, and tell how far it is."""
        sampled = isinstance(value, Pictures) and self._class(name) in SAMPLERS
        ticks = min(max(steps, 1), _MAX_TICKS) if sampled else (_PREVIEWS if delay > 0 else 0)
        shown = {max(1, ticks * part // _PREVIEWS) for part in range(1, _PREVIEWS + 1)}
        for tick in range(1, ticks + 1):
            if self._pause(delay / ticks):
                raise _Interrupted
            if sampled:
                done = steps * tick // ticks
                self._state(name, done, steps, "running")
                self._say("progress", {"value": done, "max": steps, "node": name}, everybody=self._job.client is None)
                if tick in shown and isinstance(value, Pictures):
                    self._listener.picture(name, _preview(value, tick / ticks))

    def _save(self, inputs: Mapping[str, object], *, temporary: bool) -> Json:
        batch = inputs["images"]
        if not isinstance(batch, Pictures):
            raise TypeError("a checked graph saves pictures")
        texts = {"prompt": json.dumps(self._job.graph)}
        workflow = self._job.extra.get("extra_pnginfo")
        if isinstance(workflow, dict):
            texts.update({key: json.dumps(value) for key, value in workflow.items()})
        developed = [shot.developed() for shot in batch.shots]
        data = [write_png(image, texts, note) for image, note in developed]
        prefix = "ComfyUI_temp_preview" if temporary else str(inputs["filename_prefix"])
        try:
            places = self._files.save("temp" if temporary else "output", prefix, data)
        except Outside as problem:
            text = "**** ERROR: Saving image outside the output folder is not allowed.\n"
            raise NodeFailure("Exception", text) from problem
        return {"images": [{"filename": p.name, "subfolder": p.subfolder, "type": p.folder} for p in places]}

    def _open(self, name: str) -> Picture:
        data = self._files.read(self._files.named(name))
        if data is None:
            raise NotAPicture
        return read_picture(data)

    # -- what is told -------------------------------------------------------------------------------------------

    def _last(self, name: str) -> tuple[Json, Json]:
        state = self._progress[name]
        if not isinstance(state, dict):
            raise TypeError("a node's state is a mapping")
        done = state["max"]
        return (1.0, 1.0) if done == 1.0 and isinstance(done, float) else (done, done)

    def _state(self, name: str, value: Json, most: Json, state: str) -> None:
        about: dict[str, Json] = {"value": value, "max": most, "state": state, "node_id": name}
        about |= {"prompt_id": self._job.id, "display_node_id": name, "parent_node_id": None, "real_node_id": name}
        self._progress[name] = about
        data: dict[str, Json] = {"prompt_id": self._job.id, "nodes": dict(self._progress)}
        self._listener.event("progress_state", data, everybody=self._job.client is None)

    def _say(self, event: str, data: dict[str, Json], *, everybody: bool = False) -> None:
        self._listener.event(event, {**data, "prompt_id": self._job.id}, everybody=everybody)

    def _tell(self, event: str, data: dict[str, Json], *, everybody: bool = False) -> None:
        """Say something that the history keeps, too."""
        whole: dict[str, Json] = {**data, "prompt_id": self._job.id, "timestamp": int(time.time() * 1000)}
        self._messages.append((event, whole))
        self._listener.event(event, whole, everybody=everybody)

    def _end(self, event: str, node: str, told: dict[str, Json]) -> None:
        about: dict[str, Json] = {"node_id": node, "node_type": self._class(node), "executed": list(self._executed)}
        if event == "execution_error":
            given = self._inputs(node)
            told = {
                **told,
                "traceback": [],
                "current_inputs": {k: [v] for k, v in given.items()},
                "current_outputs": [],
            }
        self._tell(event, {**about, **told}, everybody=event == "execution_interrupted")


def _slot(value: Json) -> int:
    return int(value) if isinstance(value, (int, float)) else 0


def _preview(batch: Pictures, done: float) -> bytes:
    image = batch.shots[0].pixels()
    image.thumbnail((_PREVIEW_SIDE, _PREVIEW_SIDE), Image.Resampling.BOX)
    shown = image if done >= 1 else half_made(image, Dice("preview", done), done)
    file = io.BytesIO()
    shown.save(file, format="JPEG", quality=80)
    return file.getvalue()
