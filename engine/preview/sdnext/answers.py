"""SD.Next's endpoints: which there are, and what each answers to which body.

This module knows paths, methods, statuses (204 for what has nothing to say), the rate limit and the server's state:
options, the loaded model, the current job. What a generation comes down to stands in `tasks`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, Literal

from engine.preview.auth import credentials
from engine.preview.dice import fingerprint
from engine.preview.messages import Reply, Request, Settings, as_json
from engine.preview.models import short_names
from engine.preview.pixels import NotAPicture, Picture, TooLarge, decode
from engine.preview.sdapi.bodies import Bounds, Fields, read_body
from engine.preview.sdapi.failing import strike
from engine.preview.sdapi.jobs import Jobs
from engine.preview.sdapi.refusals import (
    Kind,
    Problem,
    Refusal,
    bare,
    failed,
    invalid,
    invalid_body,
    refused,
    violations,
)
from engine.preview.sdapi.shapes import shape_of_sdnext
from engine.preview.sdnext import lists
from engine.preview.sdnext.catalog import OPTIONS
from engine.preview.sdnext.detail import detail
from engine.preview.sdnext.fields import DETAIL, EXTRAS, FIELDS, NEVER_NULL
from engine.preview.sdnext.generation import generate
from engine.preview.sdnext.limits import RateLimit
from engine.preview.sdnext.tasks import Task, model_name, read_task
from engine.preview.websocket import Channel
from engine.values import Json

__all__ = ["SdNext"]

_PREFIX: Final = "/sdapi/v1/"

#: Bounds that the server declares itself.
_BOUNDS: Final[Bounds] = {
    "upscaling_resize": (("at_least", 1), ("at_most", 8)),
    "upscaling_resize_w": (("at_least", 1),),
    "upscaling_resize_h": (("at_least", 1),),
    "extras_upscaler_2_visibility": (("at_least", 0), ("at_most", 1)),
}
_DETAIL_BOUNDS: Final[Bounds] = {
    "detailer_conf": (("at_least", 0), ("at_most", 1)),
    "detailer_iou": (("at_least", 0), ("at_most", 1)),
    "detailer_strength": (("at_least", 0), ("at_most", 1)),
    "detailer_resolution": (("at_least", 256),),
}

_Route = Callable[[Request], Json]

#: Endpoints that say nothing: 204.
_SILENT: Final = ("interrupt", "skip", "refresh-checkpoints", "refresh-vae", "reload-checkpoint", "unload-checkpoint")


class SdNext:
    """Everything that the server can be asked. Safe between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.jobs = Jobs(settings.delay)
        self._missing = short_names(settings.missing)
        self._limit = RateLimit()
        self._options: Mapping[str, Json] = dict(OPTIONS)
        self._changing = threading.Lock()
        self._routes: dict[str, dict[str, _Route]] = {
            "txt2img": {"POST": lambda request: self._generate("txt2img", request)},
            "img2img": {"POST": lambda request: self._generate("img2img", request)},
            "extra-single-image": {"POST": lambda request: self._extras(request, "ResProcessImage")},
            "extra-batch-images": {"POST": lambda request: self._extras(request, "ResProcessBatch")},
            "detail": {"POST": self._detail},
            "png-info": {"POST": self._png_info},
            "options": {"GET": lambda _: dict(self._options), "POST": self._set_options},
            "checkpoint": {
                "GET": lambda _: lists.checkpoint(self._options["sd_model_checkpoint"]),
                "POST": self._load_checkpoint,
            },
            "progress": {"GET": lambda _: lists.progress(self.jobs.progress(), self._job())},
            "status": {"GET": lambda _: lists.status(self.jobs.progress(), self._job())},
            "sd-models": {"GET": lambda _: lists.models_list()},
            "samplers": {"GET": lambda _: lists.samplers_list()},
            "upscalers": {"GET": lambda _: lists.upscalers_list()},
            "detailers": {"GET": lambda _: lists.detectors_list()},
            "face-restorers": {"GET": lambda _: lists.detectors_list()},
            "sd-vae": {"GET": lambda _: []},
            "loras": {"GET": lambda _: []},
            "embeddings": {"GET": lambda _: {"loaded": [], "skipped": []}},
            "extensions": {"GET": lambda _: []},
            "refresh-loras": {"POST": lambda _: {}},
            "interrupt": {"POST": lambda _: self.jobs.interrupt()},
            "skip": {"POST": lambda _: self.jobs.skip()},
            **{name: {"POST": lambda _: None} for name in _SILENT[2:]},
        }

    def answer(self, request: Request) -> Reply:
        """The answer to a request. Raises HangUp where a fault says so."""
        name = request.path.removeprefix(_PREFIX)
        allowed = self._routes.get(name, {}) if request.path.startswith(_PREFIX) else {}
        if request.path == f"{_PREFIX}schedulers" and request.method == "GET":
            return as_json(500, lists.broken_schedulers())
        try:
            reply = self._reply(request, name, allowed)
        except Refusal as refusal:
            reply = _no(refusal, allowed)
        except NotAPicture:
            reply = _no(refused(500, "Invalid encoded image"), allowed)
        except TooLarge as problem:
            reply = _no(failed("OutOfMemoryError", str(problem)), allowed)
        limit = self._options["server_rate_limit"]
        generates = name in ("txt2img", "img2img")
        if self._limit.exceeded(request.path, limit if isinstance(limit, int) else 0, generates=generates):
            # After the work was done: the picture is lost (recorded).
            return _no(refused(429, f"127.0.0.1:{request.path}: rate limit exceeded"), allowed)
        return reply

    def refuse(self, status: int, detail: str) -> Reply:
        """What the server says to a request that could not be read, or that broke it."""
        error, _, text = detail.partition(": ")
        return _no(bare(status, detail) if status < 500 else failed(error, text), {})

    def talks(self, path: str) -> bool:  # noqa: ARG002 - there is no WebSocket in this protocol
        """Nowhere."""
        return False

    def converse(self, request: Request, channel: Channel) -> None:
        """Never called: there is no WebSocket in this protocol."""

    def restart(self) -> None:
        """The job that runs ends, and options are as they were."""
        self.jobs.interrupt()
        with self._changing:
            self._options = dict(OPTIONS)

    def close(self) -> None:
        """End the job that runs and every one that comes."""
        self.jobs.close()

    def _reply(self, request: Request, name: str, allowed: Mapping[str, _Route]) -> Reply:
        if not allowed:
            raise bare(404, "Not Found")
        if request.method not in allowed:
            raise bare(405, "Method Not Allowed")
        if self._settings.auth is not None:
            found = credentials(request.headers.get("authorization"), self._settings.auth)
            if found != "right":
                raise refused(401, "Not authenticated" if found == "none" else "Unauthorized")
        told = allowed[request.method](request)
        return Reply(204, media=None) if name in _SILENT else as_json(200, told)

    def _job(self) -> str:
        state = self.jobs.progress()["state"]
        running = isinstance(state, dict) and state["job"] != ""
        return f"{fingerprint('job'):08x}" if running else ""

    # -- generation ---------------------------------------------------------------------------------------------

    def _generate(self, kind: Literal["txt2img", "img2img"], request: Request) -> Json:
        echoed = _read(self._settings, kind, request, FIELDS[kind])
        defaults = {name: default for name, (_, default) in FIELDS[kind].items()}
        values = {key: defaults[key] if value is None else value for key, value in echoed.items()}
        fields = Fields(values)
        inits = _inits(fields) if kind == "img2img" else []
        size = inits[0].image.size if inits else None
        task = read_task(kind, fields, echoed, self._options, size, self._missing)
        strike(self._settings.faults, self.jobs, _stage_of(task, size))
        answer = generate(task, inits, self.jobs, self._missing)
        self._keep(task)
        return answer

    def _keep(self, task: Task) -> None:
        """What a request leaves behind: the model of its own field stays, overrides do not unless they are told to."""
        changes: dict[str, Json] = {}
        if not task.fields.flag("override_settings_restore_afterwards"):
            changes = {k: v for k, v in task.options.items() if self._options.get(k) != v}
        if task.fields.has("sd_model_checkpoint") and task.model is not None:
            changes["sd_model_checkpoint"] = task.fields.values["sd_model_checkpoint"]
        with self._changing:
            self._options = {**self._options, **changes}

    def _extras(self, request: Request, schema: str) -> Json:
        if schema == "ResProcessImage":
            fields = Fields(_read(self._settings, "extras", request, EXTRAS, _BOUNDS))
            decode(fields.text("image"))
            strike(self._settings.faults, self.jobs, "upscale")
        elif request.problem is not None:
            raise invalid_body(request.problem)
        text = (
            f"1 validation error for {schema}\nhtml_info\n  Input should be a valid string [type=string_type, "
            "input_value=None, input_type=NoneType]\n    For further information visit "
            "https://errors.pydantic.dev/2.13/v/string_type"
        )
        # As released, the server's answer does not meet the server's own schema (recorded).
        raise failed("ValidationError", text)

    def _detail(self, request: Request) -> Json:
        fields = Fields(_read(self._settings, "detail", request, DETAIL, _DETAIL_BOUNDS))
        picture = decode(fields.text("image"))
        strike(self._settings.faults, self.jobs, "adetailer")
        return detail(fields, picture, self._options, self.jobs, self._missing)

    # -- the rest -----------------------------------------------------------------------------------------------

    def _png_info(self, request: Request) -> Json:
        image = _mapping(request).get("image")
        if not isinstance(image, str):
            raise invalid([Problem(("image",), "missing" if image is None else "text", image)])
        items: dict[str, Json] = dict(decode(image).texts)
        info = str(items.get("parameters", ""))
        last = info.rpartition("\n")[2]
        pairs: list[tuple[str, str, str]] = [part.partition(": ") for part in last.split(", ") if ": " in part]
        return {"info": info, "items": items, "parameters": {key: value for key, _, value in pairs}}

    def _set_options(self, request: Request) -> Json:
        changes = _mapping(request)
        wanted = changes.get("samples_format")
        if wanted not in (None, "jpg", "jpeg", "png"):
            raise failed("ValueError", f"the preview writes jpg and png, not {wanted!r}"[:200])
        with self._changing:
            known = {key: value for key, value in changes.items() if key in self._options}
            updated: list[Json] = [{k: k in known and self._options[k] != v} for k, v in changes.items()]
            self._options = {**self._options, **known}
        return {"updated": updated}

    def _load_checkpoint(self, request: Request) -> Json:
        title = request.query.get("sd_model_checkpoint", "")
        fine = title != "" and title not in self._missing and model_name(title) not in self._missing
        if fine:
            with self._changing:
                self._options = {**self._options, "sd_model_checkpoint": title}
        return {"ok": fine}


def _read(
    settings: Settings,
    contract: str,
    request: Request,
    declared: Mapping[str, tuple[Kind, Json]],
    bounds: Bounds | None = None,
) -> dict[str, Json]:
    mapping = _mapping(request)
    problems = settings.check(contract, mapping)
    if problems:
        raise violations(problems)
    if "image" in declared and "image" not in mapping:
        raise invalid([Problem(("image",), "missing", mapping)])
    return dict(read_body(declared, mapping, bounds, NEVER_NULL).values)


def _mapping(request: Request) -> dict[str, Json]:
    if request.problem is not None:
        raise invalid_body(request.problem)
    if not isinstance(request.body, dict):
        raise invalid([Problem((), "object", request.body)])
    return request.body


def _inits(fields: Fields) -> list[Picture]:
    sent = fields.items("init_images") if fields.has("init_images") else []
    texts = [text for text in sent if isinstance(text, str)]
    if len(texts) != len(sent):
        raise NotAPicture
    return [decode(text) for text in texts]


def _stage_of(task: Task, init_size: tuple[int, int] | None) -> str:
    """The stage type that a request is for, as far as it can be told from it."""
    if task.kind == "txt2img" or init_size is None:
        return "txt2img"
    if task.detailing is not None:
        return "adetailer"
    if task.fields.number("denoising_strength") == 0:
        return "upscale"
    resized = task.fields.integer("resize_mode") > 0 and task.size[0] * task.size[1] > init_size[0] * init_size[1]
    return "hires" if resized or task.hires is not None else "img2img"


def _no(refusal: Refusal, allowed: Mapping[str, object]) -> Reply:
    headers = {"Allow": ", ".join(allowed)} if refusal.status == 405 else None
    return as_json(refusal.status, shape_of_sdnext(refusal), headers)
