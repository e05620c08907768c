"""Everything that the folders hold, loaded and proven: the rules, the contracts and the back ends.

A catalog is made from a list of folders; nothing is read before it is asked for, and what was read is kept. A back
end is handed out only when all its tables are proven. This module brings the parts together; it decides nothing
about values and sends nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from engine.backends.answer_forms import AnswerForm, ErrorForm
from engine.backends.capabilities import Limits, combined, limit_findings, naming_findings, narrowed
from engine.backends.description import BackendDescription, StageDescription, read_backend
from engine.backends.description_checks import fan_out_findings, most_added, step_findings, verify_findings
from engine.backends.folders import Folder, search_path
from engine.backends.lineage import possible_stages, probe_of, stage_limits, steps_of, verified
from engine.backends.payload_forms import wanted_of, workflows_beside
from engine.backends.probe_forms import Probe, probe_findings
from engine.backends.sources import host_words_of, library_of, rules_of
from engine.backends.steps import Steps, Submit
from engine.backends.verify import Verify
from engine.documents import read_document
from engine.errors import Finding, Position, TableError, did_you_mean
from engine.proofs.prove import expression_findings, prove_table, visible_fields
from engine.rules.host_words import HostWords
from engine.rules.request import RequestRules, StageType
from engine.rules.request_contracts import request_contract
from engine.tables.contracts import Contract
from engine.tables.forms import LookupTable, Table
from engine.tables.inherit import flatten, read_table
from engine.tables.nodes import Nodes
from engine.tables.table_source import TableSource

__all__ = ["Backend", "BackendStage", "Catalog"]


@dataclass(frozen=True, slots=True)
class BackendStage:
    """One stage type as one back end runs it: proven table, contract, and how it is sent.

    `limits`: what of the stage type is not possible; `stage` is the stage type without the groups among that;
    `verify` is what its answers are held against.
    """

    stage: StageType
    table: Table
    contract: Contract | Nodes
    description: StageDescription
    submit: Submit
    answer: AnswerForm
    lookups: Mapping[str, LookupTable]
    limits: Limits
    verify: Verify = field(default_factory=Verify)

    @property
    def nodes(self) -> Nodes | None:
        """The description of nodes that its graphs are made of, where its payloads are graphs."""
        return self.contract if isinstance(self.contract, Nodes) else None


@dataclass(frozen=True, slots=True)
class Backend:
    """A back end whose tables are proven. `limits`: what it cannot do in any stage; `rules`: of its requests."""

    name: str
    title: str
    preview: str | None
    errors: ErrorForm
    steps: Steps
    stages: Mapping[str, BackendStage]
    limits: Limits
    rules: RequestRules
    probe: Probe
    notations: tuple[str, ...] | None


class Catalog:
    """Rules, contracts and back ends of a list of folders, the first folder winning. Safe to share by threads."""

    def __init__(self, folders: Iterable[Path | Folder] = (), *, alone: Sequence[Folder] = ()) -> None:
        """Search these folders first, then the user's, installed packages' and the built-in one.

        `alone`: search exactly these and no others; together they must hold all that they need.
        """
        self.folders: Sequence[Folder] = alone if alone else search_path(folders)
        self.contracts = library_of(self.folders)
        self._backends: dict[str, Backend] = {}
        self._descriptions: dict[str, BackendDescription] = {}
        self._sources: dict[str, TableSource | None] = {}
        self._lock = threading.RLock()

    @cached_property
    def rules(self) -> RequestRules:
        """The rules of every folder's request.yaml. Raises TableError with all findings."""
        with self._lock:
            return rules_of(self.folders, self.contracts)

    @cached_property
    def host_words(self) -> HostWords:
        """The words by which a host's objects are read, and its client is spoken to. Raises TableError."""
        return host_words_of(self.folders, self.rules)

    @cached_property
    def request_contracts(self) -> Mapping[str, Contract]:
        """The contract of every stage type's request, as the rules give it."""
        stages, schemas = self.rules.stages, self.rules.schemas
        return {
            name: Contract(f"request/{name}", request_contract(self.rules, stage, schemas.__getitem__), stage.at)
            for name, stage in stages.items()
        }

    def names(self) -> list[str]:
        """The back ends that there are."""
        found = {file.parent.name for folder in self.folders for file in folder.mappings.glob("*/backend.yaml")}
        return sorted(found)

    def default(self) -> str | None:
        """The back end that calls itself the default, or None."""
        return next((name for name in self.names() if self._description(name).default), None)

    def backend(self, name: str) -> Backend:
        """The back end of this name, proven. Raises TableError with all findings, or where there is none."""
        with self._lock:
            if name not in self._backends:
                backend, findings = self._loaded(name)
                if findings or backend is None:
                    raise TableError(findings)
                self._backends[name] = backend
            return self._backends[name]

    def findings(self) -> list[Finding]:
        """Everything that is wrong in any folder; empty where all is proven."""
        try:
            _ = self.rules, self.host_words
        except TableError as problem:
            return list(problem.findings)
        found = [finding for name in self.names() for finding in self._loaded(name)[1]]
        return list(dict.fromkeys(found))

    def table(self, backend: str, stage: str) -> Table:
        """The flat table of a stage, proven or not. Raises TableError where there is none."""
        found = self._description_of_stage(backend, stage)
        if found is None:
            raise TableError([Finding("backend-no-stage", f"the back end {backend} has no stage {stage!r}")])
        return self._flat(self._chain(backend), found.table, found.at)

    def contract(self, backend: str, stage: str) -> Contract | Nodes | None:
        """What a stage's payload must meet; None where its table names nothing. Raises TableError."""
        table, names = self.table(backend, stage), [d.name for d in self._chain(backend)]
        return wanted_of(table, names, self.contracts) if table.payload or table.graph else None

    def stages(self, backend: str) -> list[str]:
        """The stage types that a back end runs, its own and those that it inherits. Nothing is proven."""
        chain = self._chain(backend)
        return possible_stages(chain, combined(d.said for d in reversed(chain))[0])[0]

    def limits(self, backend: str, stage: str) -> Limits:
        """What the back end says that it cannot do, of this stage type or at all. Nothing is proven."""
        chain, kind = self._chain(backend), self.rules.stages.get(stage)
        description = self._description_of_stage(backend, stage)
        if kind is None or description is None:
            return combined(d.said for d in reversed(chain))[0]
        return stage_limits(chain, description, self.rules, kind)[0]

    # -- loading --------------------------------------------------------------------------------------------

    def _loaded(self, name: str) -> tuple[Backend | None, list[Finding]]:
        try:
            chain = self._chain(name)
            rules = self.rules
        except TableError as problem:
            return None, list(problem.findings)
        findings: list[Finding] = []
        stages: dict[str, BackendStage] = {}
        limits, contradictions = combined(d.said for d in reversed(chain))
        findings += contradictions
        names, more = possible_stages(chain, limits)
        findings += more
        for stage_name in names:
            try:
                stages[stage_name] = self._stage(chain, stage_name, rules, findings)
            except TableError as problem:
                findings += problem.findings
        errors = next((d.errors for d in chain if d.errors is not None), ErrorForm())
        steps = steps_of(chain)
        findings += step_findings(steps, chain[0].at)
        probe = probe_of(chain)
        findings += probe_findings(probe, rules.stages, chain[0].at)
        notations = next((d.notations for d in chain if d.notations is not None), None)
        preview = next((d.preview for d in chain if d.preview is not None), None)
        kinds = [rules.stages[stage] for stage in stages]
        findings += limit_findings(limits, rules, kinds)
        findings = list(dict.fromkeys(replace(f, backend=name) for f in findings))
        return Backend(name, chain[0].title, preview, errors, steps, stages, limits, rules, probe, notations), findings

    def _stage(
        self, chain: Sequence[BackendDescription], name: str, rules: RequestRules, findings: list[Finding]
    ) -> BackendStage:
        description = next(d.stages[name] for d in chain if name in d.stages)
        stage = rules.stages.get(name)
        if stage is None:
            hint = did_you_mean(name, rules.stages)
            message = f"there is no stage type {name!r}"
            raise TableError([Finding("backend-unknown-stage", message, at=description.at, hint=hint)])
        limits, contradictions = stage_limits(chain, description, rules, stage)
        findings += contradictions
        rules, stage = narrowed(rules, stage, limits)
        answer = next((d.answers[description.answer] for d in chain if description.answer in d.answers), None)
        if answer is None:
            known = [key for d in chain for key in d.answers]
            message, hint = f"there is no answer {description.answer!r}", did_you_mean(description.answer, known)
            raise TableError([Finding("backend-unknown-answer", message, at=description.at, hint=hint)])
        submit = steps_of(chain).submit if description.submit is None else description.submit
        if submit is None:
            message = f"the stage {name} must say where its payload goes: 'post', or a 'submit' step for all stages"
            raise TableError([Finding("form-shape", message, at=description.at)])
        table = self._flat(chain, description.table, description.at)
        contract = wanted_of(table, [d.name for d in chain], self.contracts)
        lookups = {key: t for d in reversed(chain) for key, t in d.lookups.items()}
        for key in lookups.keys() & table.lookups.keys():
            message = f"the table has a lookup {key!r} of its own, at {table.lookups[key].at}"
            findings.append(Finding("inherit-collision", message, at=lookups[key].at, hint="give one another name"))
        fan_out, fields = description.fan_out, visible_fields(rules, stage)
        beside = replace(table, lookups={**table.lookups, **lookups})
        counted = list(description.gives.sizes)
        if fan_out is not None:
            findings += fan_out_findings(description, rules, stage)
            most = most_added(fan_out, rules, beside.lookups, fields)
            fields = visible_fields(rules, stage, {name: most for name, _ in fan_out.add_index if most is not None})
            counted += [] if fan_out.times is None else [fan_out.times]
        named = [replace(finding, stage=name) for finding in naming_findings(table, limits)]
        findings += named or prove_table(table, rules, stage, contract, fields)
        for expression in counted:
            found = expression_findings(expression, beside, rules, stage, fields, {"type": "integer"})
            findings += (replace(finding, stage=name) for finding in found)
        verify = verified(chain, name)
        findings += (replace(f, stage=name) for f in verify_findings(verify, beside, rules, stage, fields, limits))
        return BackendStage(stage, table, contract, description, submit, answer, dict(beside.lookups), limits, verify)

    def _chain(self, name: str) -> list[BackendDescription]:
        """A back end and those that it extends, the most derived first."""
        chain = [self._description(name)]
        while (parent := chain[-1].extends) is not None:
            if any(parent == known.name for known in chain):
                message = f"back ends extend each other in a circle: {parent}"
                raise TableError([Finding("inherit-circle", message, at=chain[-1].extends_at)])
            chain.append(self._description(parent, chain[-1].extends_at))
        return chain

    def _description(self, name: str, wanted_by: Position | None = None) -> BackendDescription:
        with self._lock:
            if name not in self._descriptions:
                files = [(f, f.mappings / name / "backend.yaml") for f in self.folders]
                found = [(f, file) for f, file in files if name in self.names() and file.is_file()]
                if not found:
                    message, near = f"there is no back end {name!r}", did_you_mean(name, self.names())
                    hint = f"there are: {', '.join(self.names())}" if near is None else near
                    raise TableError([Finding("backend-unknown", message, at=wanted_by, hint=hint)])
                first, others = found[0], found[1:]
                description = read_backend(read_document(first[1], name=first[0].name_of(first[1])), name)
                if others and not description.overrides:
                    message = f"the back end {name!r} is there already, at {others[0][0].name_of(others[0][1])}"
                    hint = "give it another name, or say 'overrides: true' if it is to stand for that one"
                    raise TableError([Finding("backend-shadowed", message, at=description.at, hint=hint)])
                self._descriptions[name] = description
            return self._descriptions[name]

    def _description_of_stage(self, backend: str, stage: str) -> StageDescription | None:
        return next((d.stages[stage] for d in self._chain(backend) if stage in d.stages), None)

    def _flat(self, chain: Sequence[BackendDescription], name: str, at: Position) -> Table:
        names = [name] if "/" in name else [f"{d.name}/{name}" for d in chain]

        def find(parent: str) -> TableSource | None:
            places = [parent] if "/" in parent else [f"{d.name}/{parent}" for d in chain]
            return next((source for place in places if (source := self.source(place)) is not None), None)

        source = next((s for n in names if (s := self.source(n)) is not None), None)
        if source is None:
            raise TableError([Finding("table-missing", f"there is no table mappings/{names[0]}.yaml", at=at)])
        return flatten(source, find)

    def source(self, name: str) -> TableSource | None:
        """The table `<back end>/<name>` as written, or None. Raises TableError where it cannot be read."""
        with self._lock:
            if name not in self._sources:
                found = None
                for folder in self.folders:
                    file = folder.mappings.joinpath(*f"{name}.yaml".split("/"))
                    if file.resolve().is_relative_to(folder.mappings.resolve()) and file.is_file():
                        document, find = read_document(file, name=folder.name_of(file)), workflows_beside
                        found = read_table(document, name, find(file, folder, self.contracts))
                        break
                self._sources[name] = found  # only now: a table that cannot be read must say so every time
            return self._sources[name]
