"""Bodies as bytes, as people see them, and as digests: pictures, and text that is known only when a body is sent."""

from __future__ import annotations

import json

import pytest

from engine.errors import PayloadError
from engine.tables.validation import problems_of, validator
from engine.testing import picture
from engine.values import Later
from engine.wire import described, digest, encode

JOB = Later("job_id")


def test_a_late_value_is_never_encoded() -> None:
    with pytest.raises(PayloadError) as raised:
        encode({"save": {"inputs": {"prefix": JOB}}})
    assert raised.value.code == "payload-unresolved"
    assert "<job_id, known when it is sent>" in str(raised.value)


def test_a_late_value_shows_by_its_name() -> None:
    assert described({"a": [JOB]}) == {"a": ["<job_id, known when it is sent>"]}


def test_a_late_value_counts_in_the_digest_by_its_name() -> None:
    assert digest({"prefix": JOB}) == digest({"prefix": Later("job_id")})
    assert digest({"prefix": JOB}) != digest({"prefix": Later("other")})
    assert digest({"prefix": JOB, "a": 1}) != digest({"prefix": JOB, "a": 2})


def test_what_has_become_known_is_encoded() -> None:
    image = picture(8, 8)
    assert json.loads(encode({"prefix": "job-7", "image": image})) == {"prefix": "job-7", "image": image.base64}


@pytest.mark.parametrize(
    ("schema", "fits"),
    [
        ({"type": "string"}, True),
        ({"type": ["string", "null"], "minLength": 1, "maxLength": 256}, True),
        ({"type": "integer"}, False),
        ({"type": "string", "contentMediaType": "image/*"}, False),
        ({"type": "string", "enum": ["a"]}, False),
    ],
)
def test_a_late_value_is_text_to_a_contract(schema: dict[str, object], fits: bool) -> None:
    problems = problems_of(validator(schema, handles=True), JOB)  # type: ignore[arg-type]
    assert (problems == []) is fits
