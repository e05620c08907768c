"""What must hold of a back end's description as a whole: once what it inherits, the rules and the fields are known.

It judges forms and reads none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from engine.backends.capabilities import Limits, fields_of
from engine.backends.description import FanOut, StageDescription
from engine.backends.steps import Steps
from engine.backends.verify import Verify
from engine.errors import Finding, Position
from engine.proofs.loose_ends import loose_ends
from engine.proofs.ownership import condition_findings
from engine.proofs.paths import Fields, SymbolicScope, TooManyPathsError
from engine.proofs.prove import expression_findings
from engine.proofs.symbolic import SymbolicAlgebra
from engine.rules.request import RequestRules, StageType
from engine.tables.domains import Numbers
from engine.tables.forms import LookupTable, Row, Section, Table, Take
from engine.tables.traverse import names_in
from engine.tables.walk import Walker
from engine.values import Json, is_integer

__all__ = ["fan_out_findings", "most_added", "step_findings", "verify_findings"]


def step_findings(steps: Steps, at: Position) -> Iterator[Finding]:
    """What is wrong with these steps as a whole; `at` is where the back end is described."""
    cancel, progress = steps.cancel, steps.progress
    if cancel is not None and cancel.whole_server and steps.look is None:
        asked = progress is not None and progress.request is not None
        if not (asked and cancel.only_while):
            message = "'cancel' stops whatever runs on the server, so it must be known that our job is what runs"
            hint = "say 'only_while' with a test of what a 'progress' request answers"
            yield Finding("backend-steps", message, at=cancel.requests[0].at if cancel.requests else at, hint=hint)
    if progress is not None and progress.request is None and progress.socket is None and steps.look is None:
        message = "'progress' has neither a 'request' nor a 'socket', and there is no 'look' that it could be part of"
        yield Finding("backend-steps", message, at=at)


def most_added(fan_out: FanOut, rules: RequestRules, lookups: Mapping[str, LookupTable], fields: Fields) -> int | None:
    """The highest number that a fan-out can add to a field; None where it has no end."""
    most = 0
    if fan_out.over is not None:
        items = rules.schemas.get(fan_out.over, {}).get("maxItems")
        if not isinstance(items, int):
            return None
        most += items - 1
    if fan_out.times is not None:
        row = Row(("times",), fan_out.times, fan_out.at)
        try:
            domain = Walker(SymbolicAlgebra(), lookups).row(row, SymbolicScope(fields))
        except (TooManyPathsError, KeyError):  # that has a finding of its own
            return None
        ends = [part.high if isinstance(part, Numbers) else getattr(part, "value", 0) for part in domain.parts]
        whole = [int(end) for end in ends if is_integer(end)]
        if not whole or len(whole) < len(ends):
            return None
        most += max(whole) - 1
    return most


def fan_out_findings(description: StageDescription, rules: RequestRules, stage: StageType) -> Iterator[Finding]:
    """What is wrong with how a stage is fanned out, if it is."""
    fan_out = description.fan_out
    if fan_out is None:
        return
    over = fan_out.over
    schema: Mapping[str, Json] = {} if over is None else rules.schemas.get(over, {})
    seen = over == "input_images" if stage.takes_images else over is not None and rules.group_of(over) in stage.groups
    if over is not None and not (seen and schema.get("type") == "array" and "maxItems" in schema):
        message = f"a stage of type {stage.name} cannot be fanned out over {over!r}"
        yield Finding(
            "backend-fan-out", message, at=fan_out.at, hint="it must be a list with a maxItems that the stage has"
        )
    for name, at in [] if fan_out.times is None else names_in(fan_out.times):
        if name.startswith("input."):
            message = f"how many times there is a call cannot hang on {name}: it is counted before any picture"
            yield Finding("backend-fan-out", message, at=at)
    for name, condition in fan_out.add_index:
        if rules.schemas.get(name, {}).get("type") != "integer" or rules.group_of(name) not in stage.groups:
            message = f"an index cannot be added to {name!r}: it is no whole number of this stage"
            yield Finding("backend-fan-out", message, at=fan_out.at)
        if condition is not None:
            yield from condition_findings(condition, rules, stage)


def verify_findings(
    verify: Verify, table: Table, rules: RequestRules, stage: StageType, fields: Fields, limits: Limits
) -> Iterator[Finding]:
    """What is wrong with what a stage's answers are held against. `table`: the stage's, with all lookups.

    A check of what is not possible here (`limits`) is inherited: there will never be anything to compare.
    """
    gone = fields_of(limits, rules)
    for check in verify.checks.values():
        if check.asked is not None and not gone.isdisjoint(name for name, _ in names_in(check.asked)):
            continue
        if check.asked is not None:
            found = expression_findings(check.asked, table, rules, stage, fields, {})
            yield from (finding for finding in found if finding.code != "row-not-always")
        if check.steps:
            compared = Row(("value",), Take(("value",), check.steps, False, check.at), check.at)
            yield from loose_ends(replace(table, flow=(Section(check.at, rows=(compared,)),)))
        if check.unless is not None:
            yield from condition_findings(check.unless, rules, stage)
