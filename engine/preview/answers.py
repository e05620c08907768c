"""The endpoints: which there are, and what each answers to which body.

This module knows paths, methods and the server's state (options, the current job). A body that goes to txt2img,
img2img or the extras is first held against its contract by the check that was injected. It knows nothing about
sockets.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Literal

from engine.preview import catalog
from engine.preview.bodies import Endpoint, read_body
from engine.preview.extras import postprocess
from engine.preview.generation import generate
from engine.preview.infotext import parse
from engine.preview.jobs import Jobs
from engine.preview.pixels import decode
from engine.preview.refusals import bare, failed, invalid, violations
from engine.preview.tasks import apply_overrides, read_task
from engine.values import Json

__all__ = ["Answers", "Check"]

#: A contract checker: the name of an endpoint and its body give the texts of all problems.
Check = Callable[[str, object], Sequence[str]]

_READS: Final = ("GET", "HEAD")


class Answers:
    """Everything that the server can be asked. Safe between threads.

    `missing` are names of models (checkpoints, VAEs, detectors) that it pretends not to have; `delay` is what a
    generation takes beside its drawing, in seconds.
    """

    def __init__(self, check: Check, *, missing: Iterable[str] = (), delay: float = 0.0) -> None:
        self.jobs = Jobs(delay)
        self._check = check
        self._missing = frozenset(name for asked in missing for name in (asked, catalog.model_from(asked).name))
        self._options: Mapping[str, Json] = dict(catalog.OPTIONS)
        self._changing = threading.Lock()
        self._routes: dict[str, dict[str, Callable[[Json], Json]]] = {
            "/sdapi/v1/txt2img": {"POST": lambda body: self._generate("txt2img", body)},
            "/sdapi/v1/img2img": {"POST": lambda body: self._generate("img2img", body)},
            "/sdapi/v1/extra-single-image": {"POST": self._extras},
            "/sdapi/v1/png-info": {"POST": self._png_info},
            "/sdapi/v1/interrupt": {"POST": self._interrupt},
            "/sdapi/v1/skip": {"POST": self._skip},
            "/sdapi/v1/options": {"GET": lambda _: dict(self._options), "POST": self._set_options},
            "/sdapi/v1/progress": {"GET": lambda _: self.jobs.progress()},
            "/sdapi/v1/sd-models": {"GET": lambda _: catalog.models_list()},
            "/sdapi/v1/sd-vae": {"GET": lambda _: _vaes()},
            "/sdapi/v1/samplers": {"GET": lambda _: catalog.samplers_list()},
            "/sdapi/v1/schedulers": {"GET": lambda _: catalog.schedulers_list()},
            "/sdapi/v1/upscalers": {"GET": lambda _: catalog.upscalers_list()},
            "/sdapi/v1/latent-upscale-modes": {"GET": lambda _: [{"name": n} for n in catalog.LATENT_MODES]},
            "/sdapi/v1/face-restorers": {"GET": lambda _: _restorers()},
            "/sdapi/v1/scripts": {"GET": lambda _: {k: list(v) for k, v in catalog.ALWAYS_ON_SCRIPTS.items()}},
            "/sdapi/v1/prompt-styles": {"GET": lambda _: []},
            "/adetailer/v1/ad_model": {"GET": lambda _: {"ad_model": list(catalog.DETECTORS)}},
            "/adetailer/v1/version": {"GET": lambda _: {"version": catalog.ADETAILER_VERSION}},
            "/internal/ping": {"GET": lambda _: {}},
        }

    def methods(self, path: str) -> tuple[str, ...]:
        """The methods of a path. Raises Refusal (404) where there is no such path."""
        if path not in self._routes:
            raise bare(404, "Not Found")
        return tuple(self._routes[path])

    def needs_body(self, path: str, method: str) -> bool:
        """Whether a request must carry a JSON object."""
        return method == "POST" and path not in ("/sdapi/v1/interrupt", "/sdapi/v1/skip")

    def answer(self, method: str, path: str, body: Json) -> Json:
        """The answer's body. Raises Refusal for everything but success."""
        if method not in self.methods(path):
            raise bare(405, "Method Not Allowed")
        return self._routes[path][method](body)

    def _generate(self, kind: Literal["txt2img", "img2img"], body: Json) -> Json:
        fields = read_body(kind, self._checked(kind, body))
        task = read_task(kind, fields, self._options, self._missing)
        answer = generate(task, self.jobs, self._missing)
        if fields.has("override_settings") and not fields.flag("override_settings_restore_afterwards"):
            self._change(fields.mapping("override_settings"))
        return answer

    def _extras(self, body: Json) -> Json:
        return postprocess(read_body("extras", self._checked("extras", body)), self.jobs)

    def _checked(self, endpoint: Endpoint, body: Json) -> dict[str, Json]:
        mapping = _mapping(body)
        problems = self._check(endpoint, mapping)
        if problems:
            raise violations(problems)
        return mapping

    def _png_info(self, body: Json) -> Json:
        image = _mapping(body).get("image", "")
        if not isinstance(image, str):
            raise invalid([(("image",), "str type expected", "type_error.str")])
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
        if isinstance(wanted, str) and catalog.model_from(wanted).name in self._missing:
            raise failed("RuntimeError", f"model {wanted!r} not found")
        self._change(changes)
        return None

    def _change(self, changes: Mapping[str, Json]) -> None:
        with self._changing:
            self._options = apply_overrides(self._options, changes, self._missing)


def _mapping(body: Json) -> dict[str, Json]:
    if not isinstance(body, dict):
        raise invalid([((), "value is not a valid dict", "type_error.dict")])
    return body


def _vaes() -> list[Json]:
    return [{"model_name": name, "filename": f"/preview/models/VAE/{name}"} for name in catalog.VAES]


def _restorers() -> list[Json]:
    return [{"name": name, "cmd_dir": None} for name in catalog.FACE_RESTORERS]
