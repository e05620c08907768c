"""Test doubles for hosts and for people who write tables: no server, no socket, no Pillow.

`FakeClient` stands for an `ApiClient`: it makes small valid pictures, and fails where a test says so. `FakePipeline`
stands for a `PipelineRunner`: it gives results that a test has prepared. Both have the real signatures. `CancelAfter`
is a cancel token that is cancelled when it has been asked a number of times. `picture` makes a PNG.
"""

from __future__ import annotations

from engine.testing.fakes import CancelAfter, FakeClient, FakePipeline
from engine.testing.pictures import picture

__all__ = ["CancelAfter", "FakeClient", "FakePipeline", "picture"]
