"""`stage-engine payloads`: what every stage would ask for and what would be sent, and nothing is sent.

Pictures that do not exist yet are stand-ins of the size that they should have, and seeds that a run would draw are
drawn from the plan itself, so that the same plan always shows the same payloads. Both are marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
from rich.text import Text

from engine.backends.build import Call
from engine.backends.catalog import Backend
from engine.cli.changes import hints_of_the_command, open_plan
from engine.cli.codes import ExitCode
from engine.cli.complaints import complain
from engine.cli.explanations import explanation_json, show_explanation
from engine.cli.inputs import choose_backend, open_catalog, open_names, planned
from engine.cli.options import PlanChanges
from engine.cli.output import Output, visible
from engine.errors import did_you_mean
from engine.planning import PlannedStage
from engine.reference.explained import Explained, explained
from engine.request import GenerateImagesRequest
from engine.values import Json
from engine.wire import described

__all__ = ["PayloadOptions", "show_payloads"]


@dataclass(frozen=True, slots=True)
class PayloadOptions:
    """What the command line says. `stage`: the id of the only stage to show.

    `explain`: show where each value came from, in place of requests and bodies.
    """

    plan: Path
    changes: PlanChanges
    backend: str | None
    stage: str | None
    tables: Sequence[Path]
    as_json: bool
    explain: bool = False
    names: Path | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    """One stage that is shown: its place in the plan, its request and its calls."""

    number: int
    request: GenerateImagesRequest
    calls: tuple[Call, ...]
    method: str
    path: str
    explained: tuple[tuple[Explained, ...], ...]

    @property
    def drawn(self) -> list[str]:
        """The fields whose values a run would draw anew."""
        return sorted(name for name, origin in self.request.origins.items() if origin.kind == "drawn")

    @property
    def stands_in(self) -> bool:
        """Whether pictures of stages before are stood in for."""
        return any(image.predicted for image in self.request.input_images)


def show_payloads(options: PayloadOptions, output: Output) -> ExitCode:
    """Show requests and wire bodies. Raises as `load_plan` and `PipelineRunner.check` do."""
    catalog = open_catalog(options.tables)
    backend = catalog.backend(choose_backend(catalog, options.backend))
    file = open_plan(options.plan, catalog, options.changes, output)
    with hints_of_the_command():
        run = planned(file, catalog, backend, open_names(options.names, catalog))
    shown = [_shown(number, stage, backend, explain=options.explain) for number, stage in enumerate(run.stages, 1)]
    chosen = _chosen([stage for stage in shown if stage is not None], options.stage)
    complain(output.notes, run.warnings)
    if options.as_json:
        head = {"schema_version": 1, "plan_file": options.plan.as_posix(), "backend": backend.name}
        warnings = [warning.to_json() for warning in run.warnings]
        output.json({**head, "stages": [_as_json(stage) for stage in chosen], "warnings": warnings})
        return ExitCode.OK
    for stage in chosen:
        _show(stage, output)
    output.note(f"Nothing was sent. This is what the back end {backend.name} would be sent.", "dim")
    return ExitCode.OK


def _shown(number: int, stage: PlannedStage, backend: Backend, *, explain: bool) -> _Shown | None:
    if stage.request is None or stage.prepared is None:
        return None
    form = backend.stages[stage.request.stage_type].submit.request
    sent = stage.request if stage.prepared.request is None else stage.prepared.request
    told = tuple(explained(backend, sent)) if explain else ()
    return _Shown(number, stage.request, stage.prepared.calls, form.method, form.shown, told)


def _chosen(stages: Sequence[_Shown], name: str | None) -> Sequence[_Shown]:
    if name is None:
        return stages
    chosen = [stage for stage in stages if stage.request.stage_id == name]
    if not chosen:
        known = [stage.request.stage_id for stage in stages]
        near = did_you_mean(name, known)
        ways = f"there are: {', '.join(known)}" if near is None else near
        raise typer.BadParameter(f"no stage that runs has the id {name!r}; {ways}", param_hint="--stage")
    return chosen


def _as_json(stage: _Shown) -> dict[str, object]:
    return {
        "id": stage.request.stage_id,
        "stage_type": stage.request.stage_type,
        "request": described(stage.request.payload),
        "drawn_for_show": stage.drawn,
        "pictures_stood_in_for": stage.stands_in,
        "calls": [
            {
                "method": stage.method,
                "path": stage.path,
                "body": _body(call),
                "digest": call.digest,
                "gives": {"count": call.count, "width": call.width, "height": call.height},
                **({"explained": explanation_json(stage.explained[number])} if stage.explained else {}),
            }
            for number, call in enumerate(stage.calls)
        ],
    }


def _body(call: Call) -> Json:
    return described(call.body)


def _show(stage: _Shown, output: Output) -> None:
    request = stage.request
    output.shown(Text(visible(f"{stage.number}. {request.stage_id} ({request.stage_type})"), style="bold cyan"))
    if stage.drawn:
        output.shown(
            Text(f"   {', '.join(stage.drawn)}: drawn from the plan, for show; a run draws anew", style="yellow")
        )
    if stage.stands_in:
        output.shown(Text("   predicted:WIDTHxHEIGHT stands for a picture that does not exist yet", style="yellow"))
    if not stage.explained:
        output.shown(Text("   the request", style="bold"))
        output.source(described(request.payload))
    for number, call in enumerate(stage.calls, 1):
        which = f" (call {number} of {len(stage.calls)})" if len(stage.calls) > 1 else ""
        gives = f"{call.count} picture{'' if call.count == 1 else 's'} of {call.width}x{call.height}"
        output.shown(Text(f"   {stage.method} {stage.path}{which}, for {gives}", style="bold"))
        if stage.explained:
            show_explanation(stage.explained[number - 1], output)
        else:
            output.source(_body(call))
    output.shown("")
