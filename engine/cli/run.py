"""`stage-engine run`: plans, run one after another; their pictures, saved; what became of each, told.

The order of things: everything that can be wrong with any plan is found before the first is run, in its text first and
then in what the server has; every stage's pictures are on disk before the next stage begins; and whatever ends a run,
what was made is listed and the manifest written. A plan that is wrong or fails does not stop the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from engine.backends.catalog import Catalog
from engine.cli.changes import hints_of_the_command, open_plan
from engine.cli.codes import ExitCode, code_of_error, code_of_result, worst
from engine.cli.complaints import complain
from engine.cli.event_log import EventLog, facts_of, facts_of_result, open_log
from engine.cli.inputs import choose_backend, open_catalog, open_names
from engine.cli.interrupt import run_until_pressed
from engine.cli.options import DASH, PlanChanges
from engine.cli.output import Output
from engine.cli.saving import MANIFEST, Gallery, claim_folder, release_folder
from engine.cli.serving import serving
from engine.cli.session import Ending, Session
from engine.cli.streams import is_reader_gone
from engine.cli.summary import Outcome, summary
from engine.client import ApiClient
from engine.errors import Finding, StageEngineError
from engine.events import Event
from engine.plan_files import PlanFile
from engine.planning import PlannedRun
from engine.runner import PipelineRunner

__all__ = ["RunOptions", "run_plans"]

_ENDINGS: Final = {
    "completed": ("Done", "green"),
    "partial": ("Pictures are missing", "yellow"),
    "cancelled": ("Cancelled", "yellow"),
}
_FAILED: Final = ("Failed", "red")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says.

    `preview_delay`: what the preview takes for a picture, in seconds. `probe`: whether the server is asked first.
    """

    plans: Sequence[Path]
    changes: PlanChanges
    backend: str | None
    url: str | None
    out: Path | None
    tables: Sequence[Path]
    events: Path | None
    fail_fast: bool
    as_json: bool
    preview_delay: float
    probe: bool = True
    names: Path | None = None

    @property
    def events_on_stdout(self) -> bool:
        """Whether stdout belongs to the events."""
        return self.events == DASH


def run_plans(options: RunOptions, output: Output) -> ExitCode:
    """Run plans. Raises typer.BadParameter for what was typed, TableError where tables are wrong; nothing else."""
    if options.as_json and options.events_on_stdout:
        raise typer.BadParameter("stdout cannot hold events and the result: leave --json out.", param_hint="--events")
    if options.plans.count(DASH) > 1:
        raise typer.BadParameter("stdin holds one plan: name it once.", param_hint="PLANS")
    catalog = open_catalog(options.tables)
    backend = choose_backend(catalog, options.backend)
    names = open_names(options.names, catalog)
    with (
        closing(open_log(options.events)) as log,
        serving(catalog, backend, options.url, options.preview_delay, check_names=options.probe, names=names) as client,
    ):
        outcomes = list(_Batch(options, output, log, catalog, client).run())
    codes = [outcome.code for outcome in outcomes]
    if log.lost is not None and not is_reader_gone(log.lost):
        output.error(f"--events cannot be written any more: {log.lost.strerror}")
        codes.append(ExitCode.FAILED)
    if options.as_json:
        several = {"schema_version": 1, "exit_code": worst(codes), "plans": [outcome.data for outcome in outcomes]}
        output.json(outcomes[0].data if len(outcomes) == 1 else several)
    if len(outcomes) > 1:
        output.note(summary(outcomes))
    return worst(codes)


@dataclass(frozen=True, slots=True)
class _Ready:
    """A plan that was found in order."""

    path: Path
    file: PlanFile
    planned: PlannedRun


class _Batch:
    """The plans of one command, and everything that their runs share."""

    def __init__(self, options: RunOptions, output: Output, log: EventLog, catalog: Catalog, client: ApiClient) -> None:
        self._options, self._output, self._log = options, output, log
        self._catalog, self._client = catalog, client
        self._several = len(options.plans) > 1

    def run(self) -> Iterator[Outcome]:
        """What became of each plan, in order."""
        checked: list[_Ready | Outcome] = [self._checked(path) for path in self._options.plans]
        fail_fast = self._options.fail_fast
        stop = fail_fast and any(isinstance(plan, Outcome) for plan in checked)
        for number, plan in enumerate(checked):
            if not stop and isinstance(plan, _Ready):
                asked = checked[number] = self._asked(plan)
                stop = isinstance(asked, Outcome) and (fail_fast or asked.code == ExitCode.CANCELLED)
        if self._options.url is None and not stop and any(isinstance(plan, _Ready) for plan in checked):
            note = "Preview: the pictures are placeholders, drawn without a model. --url names a server."
            self._output.note(note, "yellow")
        for plan in checked:
            if isinstance(plan, Outcome):
                yield plan
            elif stop:
                yield self._not_run(plan)
            else:
                outcome, stopped = self._run(plan)
                yield outcome
                stop = stopped or (fail_fast and outcome.code != ExitCode.OK)

    def _checked(self, path: Path) -> _Ready | Outcome:
        """The plan, opened and checked; or that it is refused, told."""
        try:
            file = open_plan(path, self._catalog, self._options.changes, self._output)
            with hints_of_the_command():
                return _Ready(path, file, PipelineRunner(self._client).check(file.plan, file.base_config))
        except typer.BadParameter as problem:
            if self._several:
                problem.message = f"in {path}: {problem.message}"
            raise
        except StageEngineError as problem:
            if self._several:
                self._output.error(f"{path} is not in order:")
            return self._refused(path, problem)

    def _asked(self, plan: _Ready) -> _Ready | Outcome:
        """The plan, where the server has what it names; else that it is refused, told. Ctrl-C ends the wait at once."""
        try:
            run_until_pressed(lambda: PipelineRunner(self._client).check_server(plan.planned))
        except StageEngineError as problem:
            if self._several:
                self._output.error(f"{plan.path} cannot be run:")
            return self._refused(plan.path, problem)
        except KeyboardInterrupt:
            self._output.note("Stopped while the server was asked what it has. Nothing was made.", "yellow")
            return self._not_run(plan, ExitCode.CANCELLED)
        return plan

    def _refused(self, path: Path, problem: StageEngineError, code: ExitCode | None = None) -> Outcome:
        """A plan that something is wrong with, told. `code`: where the error's own is not meant."""
        complain(self._output.notes, problem.findings)
        code, facts = code_of_error(problem) if code is None else code, {"error": problem.to_json()}
        self._log.write("plan_refused", {"plan_file": path.as_posix(), **facts, "exit_code": int(code)})
        return self._ended_early(path, "refused", code, facts)

    def _not_run(self, plan: _Ready, code: ExitCode = ExitCode.OK) -> Outcome:
        """A plan whose turn did not come."""
        self._log.write("plan_not_run", {"plan_file": plan.path.as_posix()})
        return self._ended_early(plan.path, "not run", code, {})

    def _ended_early(self, path: Path, word: str, code: ExitCode, facts: Mapping[str, object]) -> Outcome:
        head = {"schema_version": 1, "plan_file": path.as_posix(), "status": word.replace(" ", "_")}
        return Outcome(path, word, code, {**head, **facts, "exit_code": int(code)})

    def _run(self, plan: _Ready) -> tuple[Outcome, bool]:
        """Run one plan, and whether a person asked to stop."""
        wanted = self._wanted(plan.path)
        try:
            folder = claim_folder(wanted)
        except OSError as problem:
            message = f"no folder can be made at {wanted}: {problem.strerror}"
            finding = Finding("pictures-unsaved", message, hint="name another with --out")
            error = StageEngineError(message, code="pictures-unsaved", findings=[finding])
            return self._refused(plan.path, error, ExitCode.FAILED), False
        if self._several:
            self._output.note(str(plan.path), "bold")
        if folder != wanted:
            self._output.note(f"{wanted} is there already: the pictures go to {folder}")
        gallery = Gallery(folder, plan.file.plan)

        def tell(event: Event, files: Sequence[Path]) -> None:
            # The end of the run is told when the manifest is written and the exit code is known.
            if event.kind != "run_finished":
                facts = facts_of(event, [str(file) for file in files])
                self._log.write(event.kind, {"plan_file": plan.path.as_posix(), **facts})

        try:
            ending = Session(self._client, plan.file, plan.planned, gallery, self._output, tell).run()
        except StageEngineError as problem:  # the server is asked again where the last answer is old
            release_folder(folder)
            return self._refused(plan.path, problem), False
        return self._report(plan, ending, gallery), ending.stopped

    def _wanted(self, path: Path) -> Path:
        """Where a plan's pictures should go. Several plans get a folder each below --out."""
        name = "stdin" if path == DASH else path.stem
        out = self._options.out
        return Path("pictures", name) if out is None else out / name if self._several else out

    def _report(self, plan: _Ready, ending: Ending, gallery: Gallery) -> Outcome:
        """Write the manifest, tell what became of the run, list the pictures."""
        output, result = self._output, ending.result
        pictures = [str(picture) for picture in gallery.pictures]
        manifest = gallery.describe(
            result,
            {
                "plan_file": plan.path.as_posix(),
                "backend": self._client.backend.name,
                "url": self._options.url,
                "preview": self._options.url is None,
            },
        )
        unsaved = ending.unsaved if (lost := _put_down(gallery, manifest)) is None else lost
        findings = [*result.warnings, *(warning for stage in result.stages for warning in stage.warnings)]
        findings += () if result.error is None else result.error.findings
        findings += () if unsaved is None else (unsaved,)
        complain(output.notes, [found for found in findings if not output.quiet or found.severity == "error"])
        word, style = _ENDINGS.get(result.status, _FAILED) if unsaved is None else _FAILED
        made = f"{len(pictures)} picture{'' if len(pictures) == 1 else 's'} and {MANIFEST} in {gallery.folder}"
        output.note(f"{word}: {made if pictures else 'no picture was made'}", style)
        code = ExitCode.FAILED if unsaved is not None else code_of_result(result)
        facts = {"plan_file": plan.path.as_posix(), "run_id": result.run_id, "exit_code": int(code)}
        self._log.write("run_finished", {**facts, **facts_of_result(result, pictures)})
        if not (self._options.as_json or self._options.events_on_stdout):
            for picture in pictures:
                output.line(picture)
        folder = gallery.folder if pictures else None
        data = {**manifest, "folder": None if folder is None else str(folder), "pictures": pictures}
        return Outcome(plan.path, word.lower(), code, {**data, "exit_code": int(code)}, len(pictures), folder)


def _put_down(gallery: Gallery, manifest: Mapping[str, object]) -> Finding | None:
    """Write the manifest beside the pictures and give the folder back; why not, where that fails."""
    try:
        if gallery.pictures:
            gallery.write_manifest(manifest)
        # A run that made nothing leaves nothing.
        release_folder(gallery.folder)
    except OSError as problem:
        return Finding("pictures-unsaved", f"{MANIFEST} cannot be written: {problem}")
    return None
