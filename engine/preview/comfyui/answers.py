"""The endpoints of ComfyUI: which there are, and what each answers.

This module knows paths, methods, statuses and the shapes of answers (0.3.64, recorded). Paths are answered with and
without "/api" in front, as the server does.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Final

from engine.backends.folders import builtin_folder
from engine.documents import read_document
from engine.preview.comfyui.catalog import FEATURES, FOLDERS, MAX_UPLOAD, system_stats
from engine.preview.comfyui.files import FOLDERS as FILE_FOLDERS
from engine.preview.comfyui.files import Files, Folder, Outside, Place
from engine.preview.comfyui.node_info import class_info
from engine.preview.comfyui.queue import Queue
from engine.preview.comfyui.sockets import Sockets
from engine.preview.comfyui.validation import judge
from engine.preview.form import read_form
from engine.preview.messages import HangUp, Reply, Request, Settings, as_json, as_text
from engine.preview.models import short_names
from engine.preview.websocket import Channel
from engine.tables.nodes import Nodes, read_nodes
from engine.values import Json

__all__ = ["ComfyUi"]

_JSON: Final = "application/json; charset=utf-8"
_BROKEN: Final = "500 Internal Server Error\n\nServer got itself in trouble"

#: Nodes that enlarge, as a sign that a graph samples again rather than for the first time.
_ENLARGES: Final = ("LatentUpscale", "LatentUpscaleBy", "ImageScaleBy", "ImageUpscaleWithModel")

_Route = Callable[[Request, str], Reply]


class ComfyUi:
    """Everything that the server can be asked. Safe between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._nodes = _shipped_nodes() if settings.nodes is None else settings.nodes
        self._missing = short_names(settings.missing)
        self.files, self._sockets = Files(), Sockets()
        self.queue = Queue(self._nodes, self.files, self._sockets, settings.delay)
        self._routes: dict[str, dict[str, _Route]] = {
            "prompt": {"GET": lambda *_: self._counted(), "POST": lambda request, _: self._submit(request)},
            "queue": {
                "GET": lambda *_: _told(self.queue.listed()),
                "POST": lambda request, _: self._change_queue(request),
            },
            "history": {"GET": self._history, "POST": lambda request, _: self._change_history(request)},
            "interrupt": {"POST": lambda request, _: self._interrupt(request)},
            "view": {"GET": lambda request, _: self._view(request)},
            "upload/image": {"POST": lambda request, _: self._upload(request)},
            "object_info": {"GET": lambda _, rest: self._describe(rest)},
            "system_stats": {"GET": lambda *_: _told(system_stats())},
            "features": {"GET": lambda *_: _told(dict(FEATURES))},
            "embeddings": {"GET": lambda *_: _told([])},
            "models": {"GET": lambda _, rest: _models(rest)},
        }

    def answer(self, request: Request) -> Reply:
        """The answer to a request. Raises HangUp where a fault says so."""
        origin, host = request.headers.get("origin"), request.headers.get("host")
        if origin is not None and host is not None and origin.partition("://")[2] != host:
            return Reply(403, media="application/octet-stream")
        path = request.path.removeprefix("/api/").removeprefix("/")
        name, _, rest = path.partition("/")
        methods = self._routes.get(path, self._routes.get(name, {}))
        rest = "" if path in self._routes else rest
        if not methods or (rest and name not in ("history", "object_info", "models")):
            return Reply(404, media="application/octet-stream")
        if request.method not in methods:
            return as_text(405, "405: Method Not Allowed")
        return methods[request.method](request, rest)

    def refuse(self, status: int, detail: str) -> Reply:
        """What the server says to a request that could not be read, or that broke it."""
        return as_text(status, _BROKEN if status == 500 else detail)

    def talks(self, path: str) -> bool:
        """At /ws."""
        return path in ("/ws", "/api/ws")

    def converse(self, request: Request, channel: Channel) -> None:
        """One client that listens."""
        client = self._sockets.open(request.query.get("clientId", ""), channel)
        status: dict[str, Json] = {"status": {"exec_info": {"queue_remaining": self.queue.remaining()}}, "sid": client}
        self._sockets.send("status", status, client)
        if (node := self.queue.runs_for(client)) is not None:
            self._sockets.send("executing", {"node": node}, client)
        while (message := channel.receive()) is not None:
            if isinstance(message, str):
                self._sockets.heard(client, message)
        self._sockets.close(client)

    def restart(self) -> None:
        """Queue, history and cache are gone, and so are temporary files."""
        self.queue.restart()

    def close(self) -> None:
        """End what runs."""
        self.queue.close()

    # -- jobs ---------------------------------------------------------------------------------------------------

    def _counted(self) -> Reply:
        return _told({"exec_info": {"queue_remaining": self.queue.remaining()}})

    def _submit(self, request: Request) -> Reply:
        if request.problem is not None and request.problem.why != "undeclared":
            return as_text(500, _BROKEN)
        body = request.body if isinstance(request.body, dict) else {}
        if "prompt" not in body:
            text = "No prompt provided"
            return _refused({"type": "no_prompt", "message": text, "details": text, "extra_info": {}}, {})
        graph = {} if body["prompt"] == [] else body["prompt"]
        if not isinstance(graph, dict):
            return as_text(500, _BROKEN)
        verdict = judge(graph, self._nodes, self._has_picture, self._missing)
        if verdict.error is not None:
            return _refused(verdict.error, verdict.node_errors)
        fault = self._settings.faults.strike(_stage_of(graph))
        if fault is not None and fault.kind == "status":
            return _failed(fault.status)
        asked = body.get("prompt_id")
        job_id = asked if isinstance(asked, str) and asked else str(uuid.uuid4())
        sent = body.get("extra_data")
        extra = dict(sent) if isinstance(sent, dict) else {}
        if isinstance(body.get("client_id"), str):
            extra["client_id"] = body["client_id"]
        wanted, front = body.get("number"), body.get("front") is True
        number = wanted if isinstance(wanted, (int, float)) and not isinstance(wanted, bool) else None
        given = self.queue.submit(job_id, graph, extra, verdict.outputs, number=number, front=front, fault=fault)
        if fault is not None and fault.kind == "drop":
            raise HangUp
        return _told({"prompt_id": job_id, "number": given, "node_errors": dict(verdict.node_errors)})

    def _history(self, request: Request, rest: str) -> Reply:
        most = request.query.get("max_items", "")
        return _told(self.queue.history(rest or None, int(most) if most.isascii() and most.isdecimal() else None))

    def _change_history(self, request: Request) -> Reply:
        asked = _asked(request)
        if asked.get("clear") is True:
            self.queue.forget(None)
        self.queue.forget(_names(asked.get("delete")))
        return Reply(200, media=None)

    def _change_queue(self, request: Request) -> Reply:
        asked = _asked(request)
        if asked.get("clear") is True:
            self.queue.delete(None)
        self.queue.delete(_names(asked.get("delete")))
        return Reply(200, media=None)

    def _interrupt(self, request: Request) -> Reply:
        asked = _asked(request).get("prompt_id")
        self.queue.interrupt(asked if isinstance(asked, str) and asked else None)
        return Reply(200, media=None)

    # -- pictures -----------------------------------------------------------------------------------------------

    def _has_picture(self, name: str) -> bool:
        try:
            return self.files.read(self.files.named(name)) is not None
        except Outside:
            return False

    def _upload(self, request: Request) -> Reply:
        if len(request.raw) > MAX_UPLOAD:
            return as_text(413, f"Maximum request body size {MAX_UPLOAD} exceeded.")
        form = read_form(request.raw, request.headers.get("content-type"))
        picture = None if form is None else form.get("image")
        if form is None or picture is None or not picture.filename:
            return Reply(400, media="application/octet-stream")
        words = {name: part.text for name, part in form.items() if name != "image"}
        folder: Folder = next((known for known in FILE_FOLDERS if known == words.get("type", "input")), "input")
        overwrite = words.get("overwrite", "") in ("true", "1")
        try:
            place = self.files.upload(
                folder, words.get("subfolder", ""), picture.filename, picture.data, overwrite=overwrite
            )
        except Outside:
            return Reply(400, media="application/octet-stream")
        return _told({"name": place.name, "subfolder": place.subfolder, "type": place.folder})

    def _view(self, request: Request) -> Reply:
        name, subfolder = request.query.get("filename", ""), request.query.get("subfolder", "")
        folder = next((known for known in FILE_FOLDERS if known == request.query.get("type", "output")), None)
        if not name:
            return Reply(404, media="application/octet-stream")
        if folder is None or name.startswith("/") or ".." in name:
            return Reply(400, media="application/octet-stream")
        try:
            data = self.files.read(Place(folder, subfolder.strip("/"), name.rpartition("/")[2]))
        except Outside:
            return Reply(403, media="application/octet-stream")
        if data is None:
            return Reply(404, media="application/octet-stream")
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        shown = quoted.encode("ascii", "replace").decode("ascii").replace("\r", "?").replace("\n", "?")
        return Reply(200, data, _media(data), {"Content-Disposition": f'filename="{shown}"'})

    # -- what there is ------------------------------------------------------------------------------------------

    def _describe(self, name: str) -> Reply:
        pictures = self.files.uploads()
        classes = self._nodes.classes.values()
        return _told({node.name: class_info(node, pictures) for node in classes if name in ("", node.name)})


def _shipped_nodes() -> Nodes:
    return read_nodes(read_document(builtin_folder().schemas / "comfyui" / "nodes.json"), "comfyui/nodes")


def _models(folder: str) -> Reply:
    if not folder:
        return _told(list(FOLDERS))
    if folder not in FOLDERS:
        return Reply(404, media=None)
    return _told(list(FOLDERS[folder]))


def _stage_of(graph: Mapping[str, Json]) -> str:
    """The stage type that a graph is for, as far as it can be told from its nodes."""
    classes = {node.get("class_type") for node in graph.values() if isinstance(node, dict)}
    if "EmptyLatentImage" in classes or "EmptySD3LatentImage" in classes:
        return "txt2img"
    if "FaceDetailer" in classes:
        return "adetailer"
    if not classes & {"KSampler", "KSamplerAdvanced"}:
        return "upscale"
    return "hires" if classes & set(_ENLARGES) else "img2img"


def _asked(request: Request) -> Mapping[str, Json]:
    return request.body if isinstance(request.body, dict) else {}


def _names(value: Json) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _media(data: bytes) -> str:
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    return "image/webp" if data[8:12] == b"WEBP" else "image/png"


def _told(body: Json) -> Reply:
    return as_json(200, body, media=_JSON)


def _refused(error: Mapping[str, Json], node_errors: Mapping[str, Json]) -> Reply:
    return as_json(400, {"error": dict(error), "node_errors": dict(node_errors)}, media=_JSON)


def _failed(status: int) -> Reply:
    if status >= 500:
        return as_text(status, _BROKEN if status == 500 else f"{status}: The preview was told to fail here.")
    text = "The preview was told to fail here."
    error: Json = {"type": "preview_fault", "message": text, "details": "", "extra_info": {}}
    return as_json(status, {"error": error, "node_errors": {}}, media=_JSON)
