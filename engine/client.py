"""The client: a request in, pictures out, through one back end at one address.

It brings together what is pure (`engine.backends`), the socket (`engine.transport`) and time (`engine.driver`), and
holds every request against its contract, since not all of them come from a runner; it decides nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType

from engine.backends.build import Call, prepare
from engine.backends.catalog import Backend, Catalog
from engine.backends.dialects import translated
from engine.backends.live_names import live_findings
from engine.backends.names import Names, load_names, renamed
from engine.backends.server import ServerDescription
from engine.backends.unsupported import possible
from engine.cancel import Cancellable
from engine.conversation.exchange import exchange, new_id
from engine.credentials import credentials
from engine.driver import Driver, UnderWay
from engine.errors import Finding, PayloadError
from engine.events import Progress
from engine.images import Image
from engine.prober import MAX_AGE, Prober
from engine.request import GenerateImagesRequest
from engine.results import GenerateResult
from engine.tables.concrete import Value
from engine.transport import MAX_ANSWER_BYTES, Transport

__all__ = ["ApiClient", "PreparedRequest"]


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """What a request will send: one body a call, with image handles in it, and what should come back.

    `warnings`: what is left out of it, because the back end cannot do it and the request lets it; `skipped`: that is
    all of it, and nothing is sent; `request`: what is left, in the server's own names.
    """

    calls: tuple[Call, ...]
    warnings: tuple[Finding, ...] = ()
    skipped: bool = False
    request: GenerateImagesRequest | None = None

    @classmethod
    def of(
        cls, backend: Backend, request: GenerateImagesRequest, *, names: Names | None = None, url: str = ""
    ) -> PreparedRequest:
        """What this back end, at this address, is sent for a request. Raises PayloadError with all that is wrong."""
        ours, warnings = translated(backend, request)
        if names is not None:
            ours, more = renamed(names, backend, url, ours)
            warnings += more
        left = possible(backend, ours)
        calls = () if left.skipped else prepare(backend, left.request)
        return cls(calls, (*warnings, *left.warnings), left.skipped, left.request)

    @property
    def bodies(self) -> tuple[Mapping[str, Value], ...]:
        """The wire body of every call."""
        return tuple(call.body for call in self.calls)

    @property
    def stand_ins(self) -> tuple[Image, ...]:
        """Stand-ins for the pictures that should come back, for a dry run of the next stage."""
        return tuple(image for call in self.calls for image in call.stand_ins())


class ApiClient:
    """Generates images through a back end. May be shared by threads; close it, or use it in a `with`."""

    def __init__(
        self,
        base_url: str,
        *,
        backend: str,
        auth: tuple[str, str] | str | None = None,
        catalog: Catalog | None = None,
        shared: bool = False,
        check_names: bool = True,
        names: Names | Path | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
        ids: Callable[[], str] = new_id,
    ) -> None:
        """Take the server's address and the name of its back end (`Catalog().names()` lists them).

        `auth` is a name and a password for HTTP Basic, or the token that the back end wants in a header. Where it is
        None, the environment is asked: the variable that the back end's description names for its token, then
        STAGE_ENGINE_USERNAME and STAGE_ENGINE_PASSWORD. `shared`: others use the server too; a cancelled call is
        then not stopped there where that would stop whatever runs, but left to end. `check_names`: before a run, ask
        the server what it has, and refuse a plan that names a checkpoint, sampler or the like that it lacks.
        `names`: what people call checkpoints and the like, and what this server calls them (a file, or `load_names`).
        `max_answer_bytes` bounds what is read of one answer. `ids` names jobs, each time another: for tests that
        want the same names.

        Raises TableError where the back end is unknown or its tables are not proven, StageEngineError for a base
        URL (`url`) or a token (`auth-token`) that cannot be used.
        """
        self.catalog = Catalog() if catalog is None else catalog
        self.backend = self.catalog.backend(backend)
        self._shared, self._ids = shared, ids
        self._under_way = UnderWay()
        known = credentials(self.backend.steps.auth, auth)
        self._transport = Transport(base_url, credentials=known, max_answer_bytes=max_answer_bytes)
        self._prober = Prober(self.backend, base_url, known)
        self._check_names = check_names
        self.names = load_names(names, self.catalog) if isinstance(names, Path) else names

    def prepare(self, request: GenerateImagesRequest) -> PreparedRequest:
        """Check a request, and build and check every body of it, without sending anything. Raises PayloadError."""
        contract = self.catalog.request_contracts.get(request.stage_type)
        problems = contract.problems(request.payload) if contract is not None else ()
        if problems:
            raise PayloadError(
                Finding(
                    "request-contract",
                    f"{'.'.join(problem.path) if problem.path else 'the request'} {problem.message}",
                    at=origin.at if problem.path and (origin := request.origins.get(problem.path[0])) else None,
                    hint=problem.hint,
                    stage=request.stage_id,
                )
                for problem in problems
            )
        return PreparedRequest.of(self.backend, request, names=self.names, url=self._transport.base_url)

    def probe(self, max_age: float = MAX_AGE) -> ServerDescription:
        """What the server says that it has, as it said it at most so many seconds ago; 0 asks anew.

        Raises BackendUnreachableError where it cannot be reached, BackendTimeoutError where it does not answer and
        HttpStatusError where it lets nobody in.
        """
        return self._prober.describe(max_age)

    def check_server(self, prepared: Iterable[tuple[GenerateImagesRequest, PreparedRequest]]) -> tuple[Finding, ...]:
        """Hold requests against what the server has, before any of them is sent. Gives warnings.

        Nothing is asked with `check_names=False`, or where the back end's description has no questions. Raises
        PayloadError with everything that the server lacks, BackendError as `probe` does.
        """
        if not (self._check_names and self.backend.probe.questions):
            return ()
        server = self.probe()
        lacking = [
            finding
            for request, bodies in prepared
            for finding in live_findings(
                self.backend, server, request if bodies.request is None else bodies.request, bodies.calls
            )
        ]
        if lacking:
            raise PayloadError(lacking)
        told = server.nodes is not None or bool(server.lists)
        return () if told else server.unanswered

    def generate_images(
        self,
        request: GenerateImagesRequest,
        *,
        cancel_token: Cancellable | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> GenerateResult:
        """Send a request and wait for its pictures.

        A back end that takes one picture at a time is called once for each, in order. When `cancel_token` says stop,
        the server is told, nothing that it then answers is a result, and the result is `cancelled`: it holds the
        pictures of the calls that had ended. `on_progress` is told how far a call is, in this thread.

        Raises PayloadError before anything is sent, BackendError where a call fails and no earlier call gave pictures.
        """
        prepared = self.prepare(request)
        if prepared.skipped:
            return GenerateResult(request.input_images, warnings=prepared.warnings)
        result = self.send(
            prepared.calls, request.stage_type, request.stage_id, cancel_token=cancel_token, on_progress=on_progress
        )
        return replace(result, warnings=(*prepared.warnings, *result.warnings))

    def send(
        self,
        calls: Sequence[Call],
        stage_type: str,
        stage_id: str,
        *,
        cancel_token: Cancellable | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> GenerateResult:
        """Send calls that are built, one after the other. As `generate_images`, but for what `prepare` raises."""
        talk = exchange(
            self.backend,
            self.backend.stages[stage_type],
            calls,
            stage_id=stage_id,
            shared=self._shared,
            watched=on_progress is not None,
            ids=self._ids,
        )
        return Driver(
            self._transport,
            self._under_way,
            backend=self.backend.name,
            stage=stage_id,
            token=cancel_token,
            on_progress=on_progress,
        ).run(talk)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()
        self._prober.close()

    def __enter__(self) -> ApiClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
