"""The endpoints: which there are, and what each answers to which body.

This module knows paths, methods and the server's state (options, the current job). A body that goes to txt2img,
img2img or the extras is first held against its contract by the check that was injected. It knows nothing about
sockets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final, Literal

from engine.preview.auth import credentials
from engine.preview.messages import Reply, Request, Settings, as_json
from engine.preview.models import model_from, short_names
from engine.preview.pixels import NotAPicture, TooLarge, decode
from engine.preview.sdapi import catalog
from engine.preview.sdapi.bodies import Bounds, Fields, read_body
from engine.preview.sdapi.detailer import read_detailing
from engine.preview.sdapi.dialects import Dialect
from engine.preview.sdapi.extras import postprocess
from engine.preview.sdapi.failing import strike
from engine.preview.sdapi.fields import Endpoint
from engine.preview.sdapi.generation import generate
from engine.preview.sdapi.infotext import parse
from engine.preview.sdapi.jobs import Jobs
from engine.preview.sdapi.lists import (
    face_restorers_list,
    models_list,
    samplers_list,
    schedulers_list,
    upscalers_list,
    vae_list,
)
from engine.preview.sdapi.refusals import Problem, Refusal, bare, failed, invalid, invalid_body, refused, violations
from engine.preview.sdapi.tasks import apply_overrides, read_task
from engine.preview.websocket import Channel
from engine.values import Json

__all__ = ["Answers"]

#: The only bounds that the servers declare themselves.
_BOUNDS: Final[Bounds] = {
    "upscaling_resize": (("above", 0),),
    "gfpgan_visibility": (("at_least", 0), ("at_most", 1)),
    "codeformer_visibility": (("at_least", 0), ("at_most", 1)),
    "codeformer_weight": (("at_least", 0), ("at_most", 1)),
    "extras_upscaler_2_visibility": (("at_least", 0), ("at_most", 1)),
}

_Route = Callable[[Json], Json]


class Answers:
    """Everything that the server can be asked. Safe between threads."""

    def __init__(self, dialect: Dialect, settings: Settings) -> None:
        self.jobs = Jobs(settings.delay)
        self._dialect, self._settings = dialect, settings
        self._missing = short_names(settings.missing)
        self._options: Mapping[str, Json] = dict(dialect.options)
        self._changing = threading.Lock()
        self._routes: dict[str, dict[str, _Route]] = {
            "/sdapi/v1/txt2img": {"POST": lambda body: self._generate("txt2img", body)},
            "/sdapi/v1/img2img": {"POST": lambda body: self._generate("img2img", body)},
            "/sdapi/v1/extra-single-image": {"POST": self._extras},
            "/sdapi/v1/png-info": {"POST": self._png_info},
            "/sdapi/v1/interrupt": {"POST": self._interrupt},
            "/sdapi/v1/skip": {"POST": self._skip},
            "/sdapi/v1/options": {"GET": lambda _: dict(self._options), "POST": self._set_options},
            "/sdapi/v1/progress": {"GET": lambda _: self.jobs.progress()},
            "/sdapi/v1/sd-models": {"GET": lambda _: models_list()},
            "/sdapi/v1/sd-modules" if dialect.has_modules else "/sdapi/v1/sd-vae": {"GET": lambda _: vae_list()},
            "/sdapi/v1/samplers": {"GET": lambda _: samplers_list(dialect)},
            "/sdapi/v1/schedulers": {"GET": lambda _: schedulers_list(dialect)},
            "/sdapi/v1/upscalers": {"GET": lambda _: upscalers_list()},
            "/sdapi/v1/latent-upscale-modes": {"GET": lambda _: [{"name": n} for n in catalog.LATENT_MODES]},
            "/sdapi/v1/face-restorers": {"GET": lambda _: face_restorers_list()},
            "/sdapi/v1/scripts": {"GET": lambda _: {k: list(v) for k, v in dialect.always_on.items()}},
            "/sdapi/v1/prompt-styles": {"GET": lambda _: []},
            "/adetailer/v1/ad_model": {"GET": lambda _: {"ad_model": list(catalog.DETECTORS)}},
            "/adetailer/v1/version": {"GET": lambda _: {"version": catalog.ADETAILER_VERSION}},
            "/internal/ping": {"GET": lambda _: {}},
        }

    def answer(self, request: Request) -> Reply:
        """The answer to a request. Raises HangUp where a fault says so."""
        allowed = self._routes.get(request.path, {})
        try:
            if not allowed:
                raise bare(404, "Not Found")
            if request.method not in allowed:
                raise bare(405, "Method Not Allowed")
            self._let_in(request)
            takes_nothing = request.path in ("/sdapi/v1/interrupt", "/sdapi/v1/skip")
            if request.method == "POST" and request.problem is not None and not takes_nothing:
                raise invalid_body(request.problem)
            return as_json(200, allowed[request.method](request.body))
        except Refusal as refusal:
            found = refusal
        except NotAPicture as problem:
            address = "Request to local resource not allowed"
            found = refused(500, address if problem.address else "Invalid encoded image")
        except TooLarge as problem:
            found = failed("OutOfMemoryError", str(problem))
        headers = {"Allow": ", ".join(allowed)} if found.status == 405 else None
        return as_json(found.status, self._dialect.shape(found), headers)

    def refuse(self, status: int, detail: str) -> Reply:
        """What the server says to a request that could not be read, or that broke it."""
        if status < 500:
            return as_json(status, {"detail": detail})
        error, _, text = detail.partition(": ")
        return as_json(status, self._dialect.shape(failed(error, text)))

    def talks(self, path: str) -> bool:  # noqa: ARG002 - there is no WebSocket in this protocol
        """Nowhere."""
        return False

    def converse(self, request: Request, channel: Channel) -> None:
        """Never called: there is no WebSocket in this protocol."""

    def restart(self) -> None:
        """The job that runs ends, and options are as they were."""
        self.jobs.interrupt()
        with self._changing:
            self._options = dict(self._dialect.options)

    def close(self) -> None:
        """End the job that runs and every one that comes."""
        self.jobs.close()

    def _let_in(self, request: Request) -> None:
        if self._settings.auth is None or not request.path.startswith("/sdapi/"):
            return
        found = credentials(request.headers.get("authorization"), self._settings.auth)
        if found != "right":
            raise refused(401, "Not authenticated" if found == "none" else "Incorrect username or password")

    def _generate(self, kind: Literal["txt2img", "img2img"], body: Json) -> Json:
        fields = self._read(kind, body)
        task = read_task(kind, self._dialect, fields, self._options, self._missing)
        strike(self._settings.faults, self.jobs, _stage_of(kind, fields))
        answer = generate(task, self.jobs, self._missing)
        if fields.has("override_settings") and not fields.flag("override_settings_restore_afterwards"):
            self._change(fields.mapping("override_settings"))
        return answer

    def _extras(self, body: Json) -> Json:
        fields = self._read("extras", body)
        strike(self._settings.faults, self.jobs, "upscale")
        return postprocess(fields, self.jobs)

    def _read(self, endpoint: Endpoint, body: Json) -> Fields:
        mapping = _mapping(body)
        problems = self._settings.check(endpoint, mapping)
        if problems:
            raise violations(problems)
        return read_body(self._dialect.fields[endpoint], mapping, _BOUNDS if endpoint == "extras" else None)

    def _png_info(self, body: Json) -> Json:
        image = _mapping(body).get("image", "")
        if not isinstance(image, str):
            raise invalid([Problem(("image",), "text", image)])
        texts = dict(decode(image).texts)
        info = texts.pop("parameters", "")
        items: dict[str, Json] = dict(texts)
        return {"info": info, "items": items, "parameters": parse(info)}

    def _interrupt(self, _: Json) -> Json:
        self.jobs.interrupt()
        return {}

    def _skip(self, _: Json) -> Json:
        self.jobs.skip()
        return None

    def _set_options(self, body: Json) -> Json:
        changes = _mapping(body)
        wanted = changes.get("sd_model_checkpoint")
        if isinstance(wanted, str) and model_from(wanted).name in self._missing:
            raise failed("RuntimeError", f"model {wanted!r} not found")
        self._change(changes)
        return None

    def _change(self, changes: Mapping[str, Json]) -> None:
        with self._changing:
            self._options = apply_overrides(self._dialect, self._options, changes, self._missing)


def _stage_of(kind: str, fields: Fields) -> str:
    """The stage type that a request is for, as far as it can be told from its body."""
    if kind == "txt2img":
        return kind
    scripts = {name.lower(): script for name, script in fields.mapping("alwayson_scripts").items()}
    script = scripts.get("adetailer")
    args = script.get("args") if isinstance(script, dict) else None
    if isinstance(args, list) and read_detailing(args).skip_img2img:
        return "adetailer"
    first = next(iter(fields.items("init_images") if fields.has("init_images") else []), None)
    if isinstance(first, str):
        image = decode(first).image
        if fields.integer("width") * fields.integer("height") > image.width * image.height:
            return "hires"
    return "img2img"


def _mapping(body: Json) -> dict[str, Json]:
    if not isinstance(body, dict):
        raise invalid([Problem((), "object", body)])
    return body
