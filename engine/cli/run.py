"""`stage-engine run`: a plan, run; its pictures, saved; what became of it, told.

The order of things: everything that can be wrong is found before a folder is made, every stage's pictures are on
disk before the next stage begins, and whatever ends the run, what was made is listed and the manifest written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from engine.cli.codes import ExitCode, code_of_result
from engine.cli.complaints import complain
from engine.cli.inputs import choose_backend, open_catalog
from engine.cli.output import Output
from engine.cli.saving import MANIFEST, Gallery, claim_folder, discard_if_empty
from engine.cli.serving import serving
from engine.cli.session import Ending, Session
from engine.errors import Finding
from engine.plan_files import load_plan
from engine.runner import PipelineRunner

__all__ = ["RunOptions", "run_plan"]

_ENDINGS = {
    "completed": ("Done", "green"),
    "partial": ("Pictures are missing", "yellow"),
    "cancelled": ("Cancelled", "yellow"),
}
_FAILED = ("Failed", "red")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says. `preview_delay`: what the preview takes for a picture, in seconds."""

    plan: Path
    backend: str | None
    url: str | None
    out: Path | None
    tables: Sequence[Path]
    as_json: bool
    preview_delay: float


def run_plan(options: RunOptions, output: Output) -> ExitCode:
    """Run a plan. Raises as `load_plan`, `ApiClient` and `PipelineRunner.check` do, before anything was made."""
    catalog = open_catalog(options.tables)
    backend = choose_backend(catalog, options.backend)
    file = load_plan(options.plan, catalog)
    with serving(catalog, backend, options.url, options.preview_delay) as client:
        planned = PipelineRunner(client).check(file.plan, file.base_config)
        gallery = Gallery(_claim(options, output), file.plan)
        if options.url is None:
            note = "Preview: the pictures are placeholders, drawn without a model. --url names a server."
            output.note(note, "yellow")
        ending = Session(client, file, planned, gallery, output).run()
    about: dict[str, object] = {
        "plan_file": options.plan.as_posix(),
        "backend": backend,
        "url": options.url,
        "preview": options.url is None,
    }
    return _report(ending, gallery, about, output, as_json=options.as_json)


def _claim(options: RunOptions, output: Output) -> Path:
    wanted = Path("pictures", options.plan.stem) if options.out is None else options.out
    try:
        folder = claim_folder(wanted)
    except OSError as problem:
        message = f"no folder can be made at {wanted}: {problem.strerror}."
        raise typer.BadParameter(message, param_hint="--out") from problem
    if folder != wanted:
        output.note(f"{wanted} is there already: the pictures go to {folder}")
    return folder


def _report(
    ending: Ending, gallery: Gallery, about: Mapping[str, object], output: Output, *, as_json: bool
) -> ExitCode:
    """Write the manifest, tell what became of the run, list the pictures."""
    result, pictures, unsaved = ending.result, gallery.pictures, ending.unsaved
    manifest = gallery.describe(result, about)
    try:
        if pictures:
            gallery.write_manifest(manifest)
        else:
            # A run that made nothing leaves nothing.
            discard_if_empty(gallery.folder)
    except OSError as problem:
        unsaved = Finding("pictures-unsaved", f"{MANIFEST} cannot be written: {problem}")
    findings = [*result.warnings, *(warning for stage in result.stages for warning in stage.warnings)]
    findings += () if result.error is None else result.error.findings
    findings += () if unsaved is None else (unsaved,)
    complain(output.notes, findings)
    word, style = _ENDINGS.get(result.status, _FAILED) if unsaved is None else _FAILED
    made = f"{len(pictures)} picture{'' if len(pictures) == 1 else 's'} and {MANIFEST} in {gallery.folder}"
    output.note(f"{word}: {made if pictures else 'no picture was made'}", style)
    if as_json:
        folder = str(gallery.folder) if pictures else None
        output.json({**manifest, "folder": folder, "pictures": [str(picture) for picture in pictures]})
    else:
        for picture in pictures:
            output.line(str(picture))
    return ExitCode.FAILED if unsaved is not None else code_of_result(result)
