"""A preview for a back end of a catalog: the protocol that its description names, and its contracts as the check.

This module brings the two together; what is spoken and drawn is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from engine.backends.catalog import Backend, Catalog
from engine.errors import StageEngineError
from engine.preview.faults import Fault
from engine.preview.messages import Answered
from engine.preview.protocols import PROTOCOLS
from engine.preview.server import PreviewServer
from engine.tables.contracts import Contract
from engine.tables.nodes import Nodes

__all__ = ["preview_of"]


def preview_of(
    catalog: Catalog,
    backend: str,
    *,
    port: int = 0,
    delay: float = 0.0,
    faults: Sequence[Fault] = (),
    missing: Sequence[str] = (),
    on_answer: Callable[[Answered], None] | None = None,
) -> PreviewServer:
    """A preview of this back end, not yet started; it holds every body that comes to the back end's contracts.

        with preview_of(catalog, "a1111") as server, ApiClient(server.url, backend="a1111") as client:
            ...

    `port` 0 takes a free one; `delay` is what each picture takes beside its drawing, in seconds. `faults`
    say which requests fail, `missing` which models it lacks; `on_answer` is told of every answer.

    Raises TableError where there is no such back end, StageEngineError (`preview-missing`) where it has no preview.
    """
    described = catalog.backend(backend)
    protocol = described.preview
    if protocol is None or protocol not in PROTOCOLS:
        message = f"the back end {backend} has no preview: give the address of a server"
        raise StageEngineError(message, code="preview-missing")
    check = _Contracts(described)
    return PreviewServer(
        protocol=protocol,
        check=check,
        port=port,
        delay=delay,
        faults=faults,
        missing=missing,
        on_answer=on_answer,
    )


class _Contracts:
    """Holds a body as it came over the wire against the back end's contract of that name.

    Where several stage types send to one address with contracts of their own, a body must meet one of these.
    """

    def __init__(self, backend: Backend) -> None:
        of_address: dict[str, dict[str, Contract | Nodes]] = {}
        for stage in backend.stages.values():
            of_address.setdefault(stage.submit.request.shown, {})[stage.contract.name] = stage.contract
        self._contracts: Mapping[str, Sequence[Contract | Nodes]] = {
            name.rpartition("/")[2]: tuple(found.values()) for found in of_address.values() for name in found
        }

    def __call__(self, name: str, body: object) -> Sequence[str]:
        # A back end may name its contracts in its own way: the client has checked the body then, and it alone.
        attempts = [contract.problems(body, encoded_images=True) for contract in self._contracts.get(name, ())]
        fewest = min(attempts, key=len, default=[])
        return [f"{'/'.join(problem.path)} {problem.message}".lstrip() for problem in fewest]
