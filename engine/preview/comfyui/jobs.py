"""Jobs as data: what was asked for, what came of it, what the last one left behind, and who is told.

This module knows how the queue and the history list a job (0.3.64, recorded). It does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from engine.preview.faults import Fault
from engine.values import Json

__all__ = ["Cache", "Job", "Listener", "Outcome"]


@dataclass(frozen=True, slots=True)
class Job:
    """One graph in the queue. `extra` is what came with it; `fault` how it is to fail, if it is."""

    number: float
    id: str
    graph: Mapping[str, Json]
    extra: Mapping[str, Json]
    outputs: tuple[str, ...]
    fault: Fault | None = None

    @property
    def client(self) -> str | None:
        """Whose job it is: the id of a WebSocket."""
        client = self.extra.get("client_id")
        return client if isinstance(client, str) else None

    def listed(self) -> list[Json]:
        """As the queue and the history list it."""
        return [self.number, self.id, dict(self.graph), dict(self.extra), list(self.outputs)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended: its results by node, and the messages that its history keeps."""

    state: Literal["success", "error"]
    outputs: Mapping[str, Json]
    messages: tuple[tuple[str, dict[str, Json]], ...]

    def listed(self, job: Job) -> dict[str, Json]:
        """As the history lists it."""
        done = self.state == "success"
        messages: list[Json] = [[event, data] for event, data in self.messages]
        meta: dict[str, Json] = {
            node: {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node}
            for node in self.outputs
            if done
        }
        status: Json = {"status_str": self.state, "completed": done, "messages": messages}
        return {"prompt": job.listed(), "outputs": dict(self.outputs), "status": status, "meta": meta}


@dataclass(slots=True)
class Cache:
    """What the last graph made: values by what made them. Results are names of files, which may be gone by now."""

    values: dict[str, tuple[object, ...]] = field(default_factory=dict)
    results: dict[str, Json] = field(default_factory=dict)


class Listener:
    """Who is told. `event` may go to everybody; `picture` shows how far a sampling is."""

    def event(self, name: str, data: dict[str, Json], *, everybody: bool = False) -> None:
        """Something happened."""

    def picture(self, node: str, jpeg: bytes) -> None:
        """How the picture looks by now."""
