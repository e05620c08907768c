"""What a person reads when a plan is wrong: each plan of cases/errors is refused in exactly these words.

The messages are part of the interface. Each names the place in the file, what is wrong, and the way out.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from engine.client import PreparedRequest
from engine.errors import PayloadError, PlanError
from engine.plan_files import load_plan
from engine.planning import plan_run
from engine.request import GenerateImagesRequest
from tests.resolve.resolving import CATALOG
from tests.snapshot_files import same_as_file, unused

FOLDER = Path(__file__).resolve().parents[2] / "cases" / "errors"
PLANS = sorted(FOLDER.glob("*.yaml"))

pytestmark = pytest.mark.filterwarnings(r"ignore:\s*Can not relate snapshot")


def built(request: GenerateImagesRequest) -> PreparedRequest:
    return PreparedRequest.of(CATALOG.backend("a1111"), request)


def refusal_of(file: Path) -> PlanError | PayloadError:
    with pytest.raises((PlanError, PayloadError)) as refusal:
        loaded = load_plan(file, CATALOG)
        plan_run(loaded.plan, loaded.base_config, CATALOG, built, dry=True)
    error = refusal.value
    assert isinstance(error, (PlanError, PayloadError))
    return error


def text_of(file: Path) -> str:
    """The refusal as it is printed, the plan's folder left out."""
    return str(refusal_of(file)).replace(file.as_posix(), file.name).replace(f"{FOLDER.as_posix()}/", "")


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_a_wrong_plan_is_refused_in_these_words(plan: Path, snapshot: SnapshotAssertion) -> None:
    same_as_file(snapshot, f"errors/{plan.stem}.txt", text_of(plan) + "\n")


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.stem)
def test_every_finding_names_a_place_and_no_line_is_said_twice(plan: Path) -> None:
    found = refusal_of(plan).findings
    lines = [str(finding) for finding in found]
    assert len(set(lines)) == len(lines)
    for finding in (finding for finding in found if finding.code.startswith("config-")):
        # What is missing stands nowhere; the stage that misses it is named.
        assert finding.at is not None or finding.stage is not None
        assert re.match(r"[A-Za-z]", finding.message), "a sentence"
        assert not finding.message.endswith(".")
        assert "None" not in finding.message or "'None'" in finding.message, "Python's words are not the reader's"


def test_every_snapshot_has_a_plan() -> None:
    assert unused("errors", [f"errors/{plan.stem}.txt" for plan in PLANS]) == []
