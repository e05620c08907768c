"""Who answers a run: the server at a URL, or the embedded preview where none is named.

The preview speaks a protocol that the back end's own description names, and holds every body that it receives to
the back end's contracts a second time, as encoded text. This module starts and ends it; it sends nothing itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import typer

from engine.backends.catalog import Backend, Catalog
from engine.client import ApiClient
from engine.tables.contracts import Contract

if TYPE_CHECKING:
    from engine.preview import Fault, PreviewServer

__all__ = ["preview_of", "protocol_of", "serving"]


@contextlib.contextmanager
def serving(catalog: Catalog, backend: str, url: str | None, delay: float) -> Iterator[ApiClient]:
    """A client of the server at `url`, or of a preview that lives as long as this context.

    `delay`: what the preview takes for each picture beside its drawing, in seconds. Raises typer.BadParameter where
    there is neither an address nor a preview, and as `ApiClient` does.
    """
    if url is not None:
        with ApiClient(url, backend=backend, catalog=catalog) as client:
            yield client
        return
    protocol = protocol_of(catalog, backend, "--url")
    with (
        preview_of(catalog, backend, protocol, delay=delay) as server,
        ApiClient(server.url, backend=backend, catalog=catalog) as client,
    ):
        yield client


def protocol_of(catalog: Catalog, backend: str, option: str) -> str:
    """The protocol that the preview of this back end speaks. Raises typer.BadParameter, at `option`, if none does."""
    # The preview draws with Pillow, which a run against a server never loads.
    from engine.preview import PROTOCOLS

    protocol = catalog.backend(backend).preview
    if protocol is None:
        message = f"the back end {backend} has no preview: say where its server is, as in --url http://127.0.0.1:7860."
        raise typer.BadParameter(message, param_hint=option)
    if protocol not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        message = f"the back end {backend} asks for a preview that speaks {protocol!r}, and there is {known}."
        raise typer.BadParameter(message, param_hint=option)
    return protocol


def preview_of(
    catalog: Catalog,
    backend: str,
    protocol: str,
    *,
    port: int = 0,
    delay: float = 0.0,
    faults: Sequence[Fault] = (),
    missing: Sequence[str] = (),
) -> PreviewServer:
    """A preview of this back end, not yet started."""
    from engine.preview import PreviewServer

    check = _Contracts(catalog.backend(backend))
    return PreviewServer(protocol=protocol, check=check, port=port, delay=delay, faults=faults, missing=missing)


class _Contracts:
    """Holds a body as it came over the wire against the back end's contract of that name."""

    def __init__(self, backend: Backend) -> None:
        self._contracts: Mapping[str, Contract] = {
            stage.contract.name.rpartition("/")[2]: stage.contract for stage in backend.stages.values()
        }

    def __call__(self, name: str, body: object) -> Sequence[str]:
        # A back end may name its contracts in its own way: the client has checked the body then, and it alone.
        contract = self._contracts.get(name)
        if contract is None:
            return []
        problems = contract.problems(body, encoded_images=True)
        return [f"{'/'.join(problem.path)} {problem.message}".lstrip() for problem in problems]
