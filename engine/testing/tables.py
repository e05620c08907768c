"""A folder of tables under test: its back ends, its cases, and what each case becomes.

This module knows folders, cases and what they are to be compared with; it knows nothing of pytest.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from engine.backends.build import prepare
from engine.backends.catalog import Backend, Catalog
from engine.backends.one_folder import folder_catalog, own_backends
from engine.cases import BuiltCase, Case, MakePicture, build_case, read_cases
from engine.client import PreparedRequest
from engine.errors import PayloadError, PlanError, StageEngineError, TableError
from engine.plan_files import load_plan
from engine.planning import plan_run
from engine.request import GenerateImagesRequest
from engine.review.causes import row_at
from engine.review.differences import Difference, differences
from engine.review.wording import shown
from engine.tables.forms import target_text
from engine.testing.exchanges import conversation_of
from engine.testing.pictures import picture
from engine.values import Json, canonical_text

__all__ = ["CaseRun", "TablesUnderTest"]


@dataclass(frozen=True)
class TablesUnderTest:
    """A folder with mappings/, schemas/ and cases/. `path` is the folder; `picture` makes the pictures of its cases."""

    path: Path
    picture: MakePicture = picture

    @cached_property
    def catalog(self) -> Catalog:
        """The folder's catalog: alone where it holds the rules of all stage types, else over the built-in one."""
        return folder_catalog(self.path)

    @cached_property
    def own(self) -> list[str]:
        """The names of the back ends that the folder itself holds."""
        return own_backends(self.catalog, self.path)

    def backend(self, name: str) -> Backend:
        """A back end, proven. Raises TableError."""
        return self.catalog.backend(name)

    def stages(self, backend: str) -> list[str]:
        """The stage types that a back end runs; none where it cannot be read, which the proof tells."""
        try:
            return self.catalog.stages(backend)
        except TableError:
            return []

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Every case of the folder. Raises TableError for files that are none."""
        return read_cases(self.path / "cases", "cases", self.catalog)

    def runs(self) -> Iterator[CaseRun]:
        """Every case with every back end that is to run it."""
        yield from (CaseRun(self, case, name) for case in self.cases for name in self.own if case.is_for(name))

    def wrong_plans(self) -> Iterator[tuple[str, Path]]:
        """Plans that are to be refused, with the back end that they are built for.

        Those in cases/<back end>/errors are for that one, those in cases/errors for the default one if it is the
        folder's, else for each.
        """
        default = self.catalog.default()
        for name in self.own:
            yield from ((name, file) for file in sorted((self.path / "cases" / name / "errors").glob("*.yaml")))
        for name in [default] if default in self.own else self.own:
            yield from ((str(name), file) for file in sorted((self.path / "cases/errors").glob("*.yaml")))

    def refusal(self, backend: str, plan: Path) -> StageEngineError | None:
        """Why a plan is refused before anything is sent; None where it is not."""

        def prepared(request: GenerateImagesRequest) -> PreparedRequest:
            return PreparedRequest(prepare(self.backend(backend), request))

        try:
            loaded = load_plan(plan, self.catalog)
            plan_run(loaded.plan, loaded.base_config, self.catalog, prepared, dry=True)
        except (PlanError, PayloadError) as problem:
            return problem
        return None


@dataclass(frozen=True)
class CaseRun:
    """One case for one back end."""

    tables: TablesUnderTest
    case: Case
    backend: str

    def __str__(self) -> str:
        return f"{self.backend}/{self.case.short_name}"

    @cached_property
    def text(self) -> str:
        """What is kept of the case: its payloads or its conversation as canonical JSON, or the words of its refusal."""
        if not isinstance(self.result, BuiltCase):
            return f"{self.result}\n"
        if not self.case.answers:
            return canonical_text(self.result.kept)
        backend = self.tables.backend(self.backend)
        told = conversation_of(self.case, backend, self.tables.catalog, self.tables.picture)
        return canonical_text({"why": self.case.why, **told})

    @property
    def file_name(self) -> str:
        """The file that keeps it, below the folder of snapshots."""
        return f"{self}.json" if isinstance(self.result, BuiltCase) else f"{self}.txt"

    @cached_property
    def result(self) -> BuiltCase | PlanError | PayloadError:
        """What the case becomes: payloads, or the error that refuses it."""
        try:
            return build_case(self.case, self.tables.backend(self.backend), self.tables.catalog, self.tables.picture)
        except (PlanError, PayloadError) as refusal:
            return refusal

    def explain(self, kept: Json) -> Iterator[str]:
        """How the payloads differ from what was kept, with the table row behind each place. One line each."""
        if not isinstance(self.result, BuiltCase):
            return
        if self.case.answers:
            for difference in differences(kept, json.loads(self.text)):
                yield f"{target_text(difference.path)}: {shown(difference.old)} -> {shown(difference.new)}"
            return
        before = kept["bodies"] if isinstance(kept, dict) and "bodies" in kept else kept
        for difference in differences(before, list(self.result.bodies)):
            yield _explained(difference, self.result)


def _explained(difference: Difference, built: BuiltCase) -> str:
    call, *path = difference.path or ("0",)
    where = target_text(tuple(path)) if path else f"call {call}"
    row = row_at(tuple(path), built.rows) if path else None
    text = f"{where}: {shown(difference.old)} -> {shown(difference.new)}"
    if row is None:
        return f"{text}   [no row writes this]"
    inherited = "" if row.inherited_by is None else f", inherited by {row.inherited_by}"
    return f"{text}   [{row.at}{inherited}]"
