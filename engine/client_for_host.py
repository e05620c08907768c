"""An `ApiClient`, called as a host calls a client of its own.

A host whose code builds payloads itself and calls `generate_images(*, stage, payload, timings=None)` can put this in
the place of its client first, and change the rest later. It is handed a server's own body, as such hosts build it;
the body is held against the back end's contract and sent as it is. Nothing is raised: what went wrong is in the
outcome, in the host's codes (mappings/host_client.yaml).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from engine.backends.build import Call
from engine.client import ApiClient
from engine.errors import Finding, PayloadError, StageEngineError, did_you_mean
from engine.results import GenerateResult
from engine.values import Json, kind_of, non_json

__all__ = ["ClientForHost", "HostError", "HostOutcome", "HostResult"]


@dataclass(frozen=True, slots=True)
class HostError:
    """Why a call failed. `code` is one of the host's; `details` holds this package's own code and its findings."""

    code: str
    message: str
    stage: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HostResult:
    """What a call gave: `images` as base64 text, `info` as the server told it, `timings` in seconds."""

    images: list[str]
    info: Mapping[str, Json]
    stage: str
    timings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class HostOutcome:
    """What became of a call. Pictures may stand beside an error, where some came before it."""

    ok: bool
    result: HostResult | None = None
    error: HostError | None = None


class ClientForHost:
    """An `ApiClient` behind a host's own call. May be shared by threads; whoever made the client closes it."""

    def __init__(self, client: ApiClient) -> None:
        """Take the client whose back end the payloads are for."""
        self._client = client

    def generate_images(
        self, *, stage: str, payload: Mapping[str, Any], timings: MutableMapping[str, float] | None = None
    ) -> HostOutcome:
        """Send this body as it is, and wait for its pictures.

        `stage`: the stage type whose contract it meets. Keys that it lacks are left to the server. `timings`, where it
        is given, is filled too.
        """
        began = time.monotonic()
        try:
            self._check(stage, payload)
            # Nobody told how many pictures it asks for: one call, and all that comes.
            given = self._client.send([Call(0, dict(payload), {}, 1, 1, 1)], stage, stage)
        except StageEngineError as problem:
            return HostOutcome(False, error=self._error(problem, stage))
        spent = {"generate_images": time.monotonic() - began}
        if timings is not None:
            timings.update(spent)
        return self._outcome(given, stage, spent)

    def _check(self, stage: str, payload: object) -> None:
        """Raise PayloadError with everything that is wrong, but for keys that are left to the server."""
        backend = self._client.backend

        def finding(code: str, message: str, hint: str | None = None) -> Finding:
            return Finding(code, message, hint=hint, stage=stage, backend=backend.name)

        known = backend.stages.get(stage)
        if known is None:
            message = f"the back end {backend.name} has no stage of type {stage!r}"
            raise PayloadError([finding("payload-no-stage", message, did_you_mean(stage, backend.stages))])
        if not isinstance(payload, Mapping):
            raise PayloadError([finding("payload-contract", f"the payload must be a mapping, not {kind_of(payload)}")])
        if problem := non_json(payload):
            raise PayloadError([finding("payload-contract", problem)])
        found = [
            finding("payload-contract", f"{'/'.join(problem.path)} {problem.message}", problem.hint)
            for problem in known.contract.problems(payload, encoded_images=True)
            if not (problem.missing and len(problem.path) == 1)
        ]
        if found:
            raise PayloadError(found)

    def _outcome(self, given: GenerateResult, stage: str, spent: Mapping[str, float]) -> HostOutcome:
        result = HostResult(
            images=[image.base64 for image in given.images],
            info=given.info[0] if given.info else {},
            stage=stage,
            timings=spent,
        )
        error = None if given.error is None else self._error(given.error, stage)
        return HostOutcome(error is None, result, error)

    def _error(self, problem: StageEngineError, stage: str) -> HostError:
        words, rules = self._client.catalog.host_words.client, self._client.catalog.rules
        details = {"code": problem.code, "findings": [finding.to_json() for finding in problem.findings]}
        return HostError(words.code_of(problem, rules), problem.message, stage, details)
