"""Plans from YAML and JSON files: read, held against schemas/plan.json, and turned into plan objects.

Pictures that a plan names are read here, from the plan's own folder or below it: a plan is untrusted, and must not
reach for other files. Every config key remembers its line, so that a later finding can name it.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.backends.catalog import Catalog
from engine.documents import Document, parse_bytes, read_document
from engine.errors import Finding, ImageError, PlanError, Position, TableError
from engine.images import Image
from engine.plan import PlanOptions, RunConfig, StageConfig, StageExecution, StageExecutionPlan
from engine.values import Json

__all__ = ["PlanFile", "load_plan", "parse_plan"]


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan and the base config that stands beside it in its file."""

    plan: StageExecutionPlan
    base_config: RunConfig


def load_plan(path: Path, catalog: Catalog | None = None) -> PlanFile:
    """The plan in this file. Raises PlanError with all findings where it is none."""
    try:
        document = read_document(path)
    except TableError as problem:
        raise PlanError(problem.findings) from problem
    return _read(document, path.resolve().parent, catalog)


def parse_plan(data: bytes, name: str, folder: Path, catalog: Catalog | None = None) -> PlanFile:
    """The plan in these bytes, JSON where they begin with a brace, else YAML.

    `name` is what people are shown as its file; its pictures are looked for in `folder` and below. Raises PlanError.
    """
    try:
        document = parse_bytes(data, name, json=data.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"{"))
    except TableError as problem:
        raise PlanError(problem.findings) from problem
    return _read(document, folder.resolve(), catalog)


def _read(document: Document, folder: Path, catalog: Catalog | None) -> PlanFile:
    known = Catalog() if catalog is None else catalog
    findings = [
        Finding(
            "plan-shape", _sentence(problem.path, problem.message), at=_place(document, problem.path), hint=problem.hint
        )
        for problem in known.contracts.load("plan").problems(document.value)
    ]
    if findings:
        raise PlanError(findings)
    return _Reader(document, folder, known).read()


def _sentence(path: tuple[str, ...], message: str) -> str:
    return f"{'.'.join(path) if path else 'the plan'} {message}"


def _place(document: Document, path: tuple[str, ...]) -> Position:
    steps: list[str | int] = []
    node: Json = document.value
    for step in path:
        if isinstance(node, list):
            steps.append(int(step))
            node = node[int(step)] if int(step) < len(node) else None
        else:
            steps.append(step)
            node = node.get(step) if isinstance(node, dict) else None
    return document.key_at(*steps)


class _Reader:
    """Reads one plan whose shape is known to be right."""

    def __init__(self, document: Document, folder: Path, catalog: Catalog) -> None:
        self._document, self._folder = document, folder
        schemas = catalog.rules.schemas
        pictures = {name for name, schema in schemas.items() if "contentMediaType" in schema}
        self._pictures = {word for word, name in catalog.rules.spellings().items() if name in pictures}
        self._findings: list[Finding] = []

    def read(self) -> PlanFile:
        top = self._document.value
        assert isinstance(top, dict)  # noqa: S101 - the contract says so
        stages = [self._stage(index, node) for index, node in enumerate(_items(top.get("stages")))]
        images = [self._image(("input_images", i), name) for i, name in enumerate(_items(top.get("input_images")))]
        options = _mapping(top.get("options"))
        run_id = {"run_id": str(top["run_id"])} if "run_id" in top else {}
        plan = StageExecutionPlan(
            tuple(stages),
            tuple(image for image in images if image is not None),
            PlanOptions(
                seed="server" if options.get("seed") == "server" else "runner",
                on_unsupported="warn" if options.get("on_unsupported") == "warn" else "refuse",
                strict=options.get("strict") is True,
            ),
            **run_id,
        )
        base = self._config(("base_config",), top.get("base_config"))
        if self._findings:
            raise PlanError(self._findings)
        return PlanFile(plan, base)

    def _stage(self, index: int, node: Json) -> StageExecution:
        stage = _mapping(node)
        place = ("stages", index)
        enabled = stage.get("enabled")
        config = StageConfig(
            str(stage["stage_type"]),
            self._config((*place, "stage_config"), stage.get("stage_config")),
            enabled if isinstance(enabled, bool) else None,
        )
        name = stage.get("id")
        return StageExecution(
            name if isinstance(name, str) else f"{index + 1}-{config.stage_type}", config, self._document.at(*place)
        )

    def _config(self, path: tuple[str | int, ...], node: Json) -> RunConfig:
        values: dict[str, object] = {}
        for key, value in _mapping(node).items():
            is_picture = key in self._pictures and isinstance(value, str)
            values[key] = self._image((*path, key), value) if is_picture else value
        return RunConfig.placed(values, {key: self._document.key_at(*path, key) for key in values})

    def _image(self, path: tuple[str | int, ...], name: Json) -> Image | None:
        file = (self._folder / str(name)).resolve()
        at = self._document.at(*path)
        if not file.is_relative_to(self._folder):
            message, hint = f"{name} lies outside the plan's folder", "put the picture beside the plan, or below it"
            self._findings.append(Finding("plan-picture-outside", message, at=at, hint=hint))
            return None
        try:
            return Image.from_file(file)
        except ImageError as problem:
            self._findings.append(Finding(problem.code, problem.message, at=at))
            return None


def _items(node: Json) -> list[Json]:
    return node if isinstance(node, list) else []


def _mapping(node: Json) -> Mapping[str, Json]:
    return node if isinstance(node, dict) else {}
