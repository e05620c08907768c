"""What a chain of back ends says together: a back end and those that it extends, the most derived first.

Where several of them speak of the same thing, the nearest one counts. This module knows descriptions and what they say
cannot be done; it reads no file and no table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from engine.backends.capabilities import Limits, Subject, combined, limit_findings
from engine.backends.description import BackendDescription, StageDescription
from engine.backends.probe_forms import Probe
from engine.backends.step_reader import STEP_WORDS
from engine.backends.steps import Steps
from engine.backends.verify import Verify
from engine.errors import Finding
from engine.rules.request import RequestRules, StageType

__all__ = ["possible_stages", "probe_of", "stage_limits", "steps_of", "verified"]


def possible_stages(chain: Sequence[BackendDescription], limits: Limits) -> tuple[list[str], list[Finding]]:
    """The stage types that the back end runs, and those of which it says both that it does and that it cannot."""
    names, findings = [], []
    for name in dict.fromkeys(stage for description in chain for stage in description.stages):
        subject = Subject("stage", name)
        nearest = next(d for d in chain if name in d.stages or subject in d.said.cannot)
        if name in nearest.stages:
            names.append(name)
            if subject in limits:
                message = f"the back end runs stages of type {name}, and says that it cannot"
                hint = "take one of the two out; where a parent says that it cannot, say 'can'"
                findings.append(Finding("cannot-read", message, at=limits[subject].at, hint=hint))
    return names, findings


def stage_limits(
    chain: Sequence[BackendDescription], description: StageDescription, rules: RequestRules, stage: StageType
) -> tuple[Limits, list[Finding]]:
    """What of a stage type is not possible: what each back end says, and over it what it says of the stage."""
    own = [(d.said, description.said) if d.stages.get(stage.name) is description else (d.said,) for d in chain]
    limits, findings = combined(said for part in reversed(own) for said in part)
    return limits, [*findings, *limit_findings(description.said.cannot, rules, [stage])]


def verified(chain: Sequence[BackendDescription], stage: str) -> Verify:
    """What of a stage's answers is verified."""
    whole = Verify()
    for description in reversed(chain):
        whole = description.verify.over(whole)
    return Verify({name: check for name, check in whole.checks.items() if stage in check.stages}, whole.infotext)


def steps_of(chain: Sequence[BackendDescription]) -> Steps:
    """The steps of a back end: each as the most derived description that speaks of it says."""
    found = {word: next((d.steps[word] for d in chain if word in d.steps), None) for word in STEP_WORDS}
    return Steps(**found)


def probe_of(chain: Sequence[BackendDescription]) -> Probe:
    """What a server is asked: each question as the most derived description that speaks of it says."""
    return reduce(lambda parent, description: description.probe.over(parent), reversed(chain), Probe())
