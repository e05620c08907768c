"""Files that people wrote: what they mean, where each part stands, and what is refused."""

from __future__ import annotations

import json
import math
import pickle
import re
import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine import documents
from engine.documents import MAX_BYTES, MAX_DEPTH, MAX_NODES, Document, parse_json, parse_yaml, read_document
from engine.errors import Finding, Position, TableError
from engine.values import same

LOADERS = [yaml.SafeLoader, *([yaml.CSafeLoader] if yaml.__with_libyaml__ else [])]


@pytest.fixture(params=LOADERS, ids=lambda loader: loader.__name__)
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Both parsers: libyaml's, and the one in Python for machines without it."""
    monkeypatch.setattr(documents, "_LOADER", request.param)
    return request.param


def findings(parse: Callable[[str, str], Document], text: str) -> tuple[Finding, ...]:
    with pytest.raises(TableError) as caught:
        parse(text, "t")
    return caught.value.findings


def codes(parse: Callable[[str, str], Document], text: str) -> list[str]:
    return [finding.code for finding in findings(parse, text)]


def place(position: Position | None) -> tuple[int, int]:
    assert position is not None
    return position.line, position.column


def exactly(a: object, b: object) -> bool:
    """The same JSON, and integers stay integers."""
    return same(a, b) and json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)


# What a file means ---------------------------------------------------------------------------------------------

PLAIN: list[tuple[str, object]] = [
    ("true", True), ("false", False),
    *((word, word) for word in ("yes", "no", "on", "off", "NO", "True", "FALSE", "y", "n")),
    ("null", None), ("~", None), ("", None), ("Null", "Null"), ("NULL", "NULL"), ("none", "none"),
    ("0", 0), ("-0", 0), ("1", 1), ("-17", -17), ("9223372036854775808", 2**63),
    (str(2**64 - 1), 2**64 - 1), (str(-(2**63)), -(2**63)),
    *((word, word) for word in ("+5", "007", "0x10", "0o7", "0b1", "1_000", "12:30", "190:20:30", "--", "1-2")),
    ("1.5", 1.5), ("-0.5", -0.5), ("1.0", 1.0), ("1e-3", 0.001), ("1E3", 1000.0), ("1e+2", 100.0), ("1e-400", 0.0),
    *((word, word) for word in (".5", "5.", "1.5.2", "1e", "e3", "1.e3", "NaN", "Infinity", "nan", "inf", "٣")),
    ("2026-01-01", "2026-01-01"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), ("=", "="),
    ('"true"', "true"), ("'1'", "1"), ('""', ""), ("'null'", "null"), ('"<<"', "<<"),
    ("|\n  two\n  lines", "two\nlines"), (">-\n  12", "12"), ("DPM++ 2M Karras", "DPM++ 2M Karras"),
    ('"\\t\\n\\r\\u2028\\ufeff"', "\t\n\r\u2028\ufeff"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "meaning"), PLAIN, ids=[repr(source) for source, _ in PLAIN])
def test_a_yaml_scalar_means(loader: Any, source: str, meaning: object) -> None:
    value = parse_yaml(f"key: {source}", "t").value
    assert isinstance(value, dict)
    assert type(value["key"]) is type(meaning)
    assert value["key"] == meaning


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40), inner, max_size=5)
    ),
    max_leaves=25,
)


@given(JSON_VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_comes_back_as_it_was_written(value: Any, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert exactly(parse_json(text, "t").value, value)


@pytest.mark.parametrize("parser", LOADERS)
@given(value=JSON_VALUES, indent=st.sampled_from([None, 1]))
def test_json_is_yaml_with_the_same_meaning(parser: Any, value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    # The few characters that YAML wants escaped where JSON does not.
    text = re.sub("[\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_LOADER", parser)
        assert exactly(parse_yaml(text, "t").value, value)


def test_json_words_are_what_json_says_and_keys_are_text() -> None:
    document = parse_json('{"1": [true, null, -0, 1.0, "1"], "": {}, "<<": "~"}', "t")
    assert document.value == {"1": [True, None, 0, 1.0, "1"], "": {}, "<<": "~"}
    assert document.key_literal("1") == "1"


def test_keys_are_text_and_know_what_they_were_written_as(loader: Any) -> None:
    document = parse_yaml("true: a\n1: b\n2.50: c\n'false': d\non: e\n", "t")
    assert document.value == {"true": "a", "1": "b", "2.50": "c", "false": "d", "on": "e"}
    literals = [document.key_literal(key) for key in ("true", "1", "2.50", "false", "on")]
    assert exactly(literals, [True, 1, 2.5, "false", "on"])


def test_a_literal_is_known_for_keys_alone() -> None:
    document = parse_yaml("a: [1]", "t")
    for path in ((), ("b",), ("a", 0), ("a", "b", "c")):
        with pytest.raises(KeyError):
            document.key_literal(*path)


def test_mappings_keep_their_order(loader: Any) -> None:
    assert list(json.loads(json.dumps(parse_yaml("b: 1\na: 2\nc: 3", "t").value))) == ["b", "a", "c"]


def test_an_alias_means_what_it_repeats_and_stands_where_that_was_written(loader: Any) -> None:
    document = parse_yaml("a: &x {deep: 1}\nb: [*x]\n", "t")
    assert document.value == {"a": {"deep": 1}, "b": [{"deep": 1}]}
    assert place(document.at("b", 0, "deep")) == (1, 14)
    assert place(document.key_at("b")) == (2, 1)


def test_a_byte_order_mark_is_passed_over(loader: Any, tmp_path: Path) -> None:
    for name, text in (("t.yaml", "a: 1"), ("t.json", '{"a": 1}')):
        (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
        document = read_document(tmp_path / name)
        assert document.value == {"a": 1}
        assert document.key_at("a").line == 1


# Where things stand --------------------------------------------------------------------------------------------

TABLE = """\
# a comment
rows:
  prompt: text
  "a b":   {list: [one, two]}
  1:
  - x
  -   - deep
"""


def test_positions_count_from_one_and_point_at_values_and_keys(loader: Any) -> None:
    document = parse_yaml(TABLE, "dir/t.yaml")
    assert document.at("rows", "prompt") == Position("dir/t.yaml", 3, 11)
    expected = {
        (): ((2, 1), (2, 1)),
        ("rows",): ((3, 3), (2, 1)),
        ("rows", "prompt"): ((3, 11), (3, 3)),
        ("rows", "a b"): ((4, 12), (4, 3)),
        ("rows", "a b", "list", 1): ((4, 25), (4, 25)),
        ("rows", "1"): ((6, 3), (5, 3)),
        ("rows", "1", 1, 0): ((7, 9), (7, 9)),
    }
    for path, (value_at, key_at) in expected.items():
        assert place(document.at(*path)) == value_at, path
        assert place(document.key_at(*path)) == key_at, path


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        (("rows", "absent"), ("rows",)),
        (("rows", "absent", 3, "x"), ("rows",)),
        (("rows", "prompt", "x"), ("rows", "prompt")),
        (("rows", "1", 9), ("rows", "1")),
        (("rows", "1", -1), ("rows", "1")),
        (("rows", 1), ("rows",)),
        (("nothing",), ()),
    ],
)
def test_a_path_to_nowhere_stands_at_its_nearest_parent(path: tuple[str | int, ...], nearest: tuple[str, ...]) -> None:
    document = parse_yaml(TABLE, "t")
    assert document.at(*path) == document.at(*nearest)
    assert document.key_at(*path) == document.at(*nearest)


WORDS = st.text(string.ascii_letters + 'äπ😀\\"', min_size=1, max_size=8)
TREES = st.recursive(
    WORDS | st.integers(0, 99),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
)


@given(TREES, st.sampled_from([None, 2, "\t"]), st.booleans())
def test_every_json_position_points_at_the_right_text(tree: Any, indent: int | str | None, ascii_only: bool) -> None:
    text = json.dumps(tree, indent=indent, ensure_ascii=ascii_only)
    _points_right(parse_json(text, "t"), text, tree, (), ascii_only)


@pytest.mark.parametrize("parser", LOADERS)
@given(tree=TREES, indent=st.sampled_from([None, 2]))
def test_every_yaml_position_points_at_the_right_text(parser: Any, tree: Any, indent: int | None) -> None:
    text = json.dumps(tree, indent=indent, ensure_ascii=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_LOADER", parser)
        _points_right(parse_yaml(text, "t"), text, tree, (), False)


def _points_right(document: Document, text: str, tree: Any, path: tuple[str | int, ...], ascii_only: bool) -> None:
    def rest(position: Position) -> str:
        return text.split("\n")[position.line - 1][position.column - 1 :]

    def is_there(value: Any, position: Position) -> bool:
        written = json.dumps(value, ensure_ascii=ascii_only)
        return rest(position).startswith(written[0] if isinstance(value, (dict, list)) else written)

    assert is_there(tree, document.at(*path))
    if path:
        step = path[-1]
        assert is_there(step if isinstance(step, str) else tree, document.key_at(*path))
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, child in children:
        _points_right(document, text, child, (*path, step), ascii_only)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_every_line_break_that_editors_know_counts(loader: Any, newline: str) -> None:
    assert parse_yaml(f"a: 1{newline}b: 2", "t").key_at("b") == Position("t", 2, 1)
    assert parse_json(f'{{"a": 1,{newline}"b": 2}}', "t").key_at("b") == Position("t", 2, 1)


# What is refused -----------------------------------------------------------------------------------------------

REFUSED_YAML = [
    ("a: [", "document-syntax"),
    ("a: b: c", "document-syntax"),
    ("\ta: b", "document-syntax"),
    ("a: 1\n---\nb: 2", "document-syntax"),
    ("", "document-syntax"),
    ("# only a comment\n", "document-syntax"),
    ('"\\UFFFFFFFF"', "document-syntax"),
    ('"\\U00110000"', "document-syntax"),
    ("%YAML 1." + "9" * 5000 + "\n--- a", "document-syntax"),
    ("a: 1\na: 2", "document-duplicate-key"),
    ("1: a\n'1': b", "document-duplicate-key"),
    ("1: a\n1.0: b", "document-duplicate-key"),
    ("x: {a: 1, 'a': 2}", "document-duplicate-key"),
    ("a: !!str 1", "yaml-tag"),
    ("a: ! b", "yaml-tag"),
    ("!!map {a: 1}", "yaml-tag"),
    ("a: !!python/object/apply:os.system [x]", "yaml-tag"),
    ("!!set {a}", "yaml-tag"),
    ("a: &x {b: 1}\nc:\n  <<: *x", "yaml-merge"),
    ("<<: {}", "yaml-merge"),
    ("null: a", "yaml-key"),
    ("~: a", "yaml-key"),
    ("?\n: a", "yaml-key"),
    ("? [a]\n: b", "yaml-key"),
    ("? {a: 1}\n: b", "yaml-key"),
    ("a: &x b\n*x : c", "yaml-key"),
    ("a: *nobody", "yaml-alias"),
    ("&a [*a]", "yaml-alias"),
    ("a: &x {b: {c: *x}}", "yaml-alias"),
    ("a: &x 1\nb: &x 2", "yaml-alias"),
    ("a: .inf", "document-number"),
    ("a: -.INF", "document-number"),
    ("a: .nan", "document-number"),
    ("a: 1e400", "document-number"),
    (f"a: {2**64}", "document-number"),
    (f"a: {-(2**63) - 1}", "document-number"),
    ("a: " + "9" * 5000, "document-number"),
    (".nan: a", "document-number"),
    ("a: \x00", "document-control-character"),
    ("a: b\x85c", "document-control-character"),
    ("a: b\u2028c", "document-control-character"),
    ("a: \x7f", "document-control-character"),
    ("a: b\ufeff", "document-control-character"),
    ('a: "\\0"', "document-control-character"),
    ('a: "\\N"', "document-control-character"),
    ('"\\e": b', "document-control-character"),
    ("a: \ud800", "document-encoding"),
    ("[" * 41 + "]" * 41, "document-too-deep"),
    ("[" * 500_000, "document-too-deep"),
    ("- " * 500_000, "document-too-deep"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED_YAML, ids=[f"{code}: {text[:24]!r}" for text, code in REFUSED_YAML])
def test_yaml_that_is_refused(loader: Any, text: str, code: str) -> None:
    assert codes(parse_yaml, text) == [code]


REFUSED_JSON = [
    ("", "document-syntax"),
    ("{", "document-syntax"),
    ("[1,]", "document-syntax"),
    ("{'a': 1}", "document-syntax"),
    ("// no\n1", "document-syntax"),
    ("[01]", "document-syntax"),
    ("[1] 2", "document-syntax"),
    ('"a\tb"', "document-syntax"),
    ('{"a": 1, "a": 2}', "document-duplicate-key"),
    ('{"a": 1, "\\u0061": 2}', "document-duplicate-key"),
    ("NaN", "document-number"),
    ("[Infinity]", "document-number"),
    ('{"a": -Infinity}', "document-number"),
    ("1e999", "document-number"),
    ("9" * 5000, "document-number"),
    (str(2**64), "document-number"),
    ('"\\u0000"', "document-control-character"),
    ('{"\x7f": 1}', "document-control-character"),
    ('"\\ud800"', "document-encoding"),
    ('"\ud800"', "document-encoding"),
    ("[" * 41 + "]" * 41, "document-too-deep"),
    ("[" * 100_000 + "]" * 100_000, "document-too-deep"),
]


@pytest.mark.parametrize(("text", "code"), REFUSED_JSON, ids=[f"{code}: {text[:24]!r}" for text, code in REFUSED_JSON])
def test_json_that_is_refused(text: str, code: str) -> None:
    assert codes(parse_json, text) == [code]


def test_all_that_is_wrong_is_said_at_once(loader: Any) -> None:
    text = "a: 1\na: 2\n? [x]\n: 3\n<<: {}\nb: !!str 3\nc: .inf\nd: *q\n~: 3\n"
    found = findings(parse_yaml, text)
    assert [(finding.code, *place(finding.at)) for finding in found] == [
        ("document-duplicate-key", 2, 1),
        ("yaml-key", 3, 3),
        ("yaml-merge", 5, 1),
        ("yaml-tag", 6, 4),
        ("document-number", 7, 4),
        ("yaml-alias", 8, 4),
        ("yaml-key", 9, 1),
    ]
    json_found = findings(parse_json, '{"a": NaN,\n "a": 1,\n "b": "\\u0007"}')
    assert [finding.code for finding in json_found] == [
        "document-number", "document-duplicate-key", "document-control-character",
    ]  # fmt: skip
    assert [finding.at.line for finding in json_found if finding.at] == [1, 2, 3]


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_a_duplicate_key_names_both_places(parse: Callable[[str, str], Document]) -> None:
    (found,) = findings(parse, '{"a": 1,\n  "a": 2}')
    assert place(found.at) == (2, 3)
    assert "'a'" in found.message
    assert "line 1, column 2" in found.message


def test_a_refused_key_takes_no_place(loader: Any) -> None:
    assert codes(parse_yaml, "? [x]\n: 1\n'': 2\n") == ["yaml-key"]
    found = findings(parse_yaml, "a: 1\na: 2\na: 3\n")
    assert [finding.at.line for finding in found if finding.at] == [2, 3]
    assert all("line 1, column 1" in finding.message for finding in found)


def test_syntax_errors_say_where(loader: Any) -> None:
    assert place(findings(parse_yaml, "a: 1\nb: c: d\n")[0].at) == (2, 5)
    assert place(findings(parse_json, '{"a": 1,\n "b" 2}')[0].at) == (2, 6)
    assert findings(parse_yaml, "a: 1\nb: c: d\n")[0].hint is not None


def test_what_came_before_a_syntax_error_is_said_too(loader: Any) -> None:
    assert codes(parse_yaml, "a: 1\na: 2\nb: [\n") == ["document-duplicate-key", "document-syntax"]


def test_a_long_key_or_number_is_cut_in_messages() -> None:
    long = "k" * 500
    (key,) = findings(parse_json, json.dumps({long: 1})[:-1] + f', "{long}": 2}}')
    (number,) = findings(parse_json, "9" * 500)
    assert len(key.message) < 150
    assert len(number.message) < 150


# Limits --------------------------------------------------------------------------------------------------------


def test_the_deepest_file_that_is_read(loader: Any) -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert parse_yaml(text, "t").value == parse_json(text, "t").value == json.loads(text)


@pytest.mark.parametrize("parse", [parse_json, parse_yaml])
def test_values_and_keys_are_counted(parse: Callable[[str, str], Document]) -> None:
    fits = json.dumps([0] * (MAX_NODES - 1))
    assert parse(fits, "t").value == [0] * (MAX_NODES - 1)
    assert codes(parse, json.dumps([0] * MAX_NODES)) == ["document-too-large"]


def test_aliases_count_as_what_they_stand_for(loader: Any) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert codes(parse_yaml, "\n".join(lines)) == ["document-too-large"]


def test_aliases_cannot_build_depth(loader: Any) -> None:
    chain = ["- &a0 [x]", *(f"- &a{i} [*a{i - 1}]" for i in range(1, MAX_DEPTH - 1))]
    assert isinstance(parse_yaml("\n".join(chain), "t").value, list)
    chain.append(f"- &more [*a{MAX_DEPTH - 2}]")
    assert codes(parse_yaml, "\n".join(chain)) == ["document-too-deep"]


@pytest.mark.parametrize("suffix", [".yaml", ".json"])
def test_the_longest_file_that_is_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_bytes(b"\xef\xbb\xbf" + b'"' + b"x" * (MAX_BYTES - 2) + b'"')
    assert read_document(path).value == "x" * (MAX_BYTES - 2)
    path.write_bytes(b'"' + b"x" * (MAX_BYTES - 1) + b'"')
    with pytest.raises(TableError) as caught:
        read_document(path)
    assert caught.value.code == "document-too-large"


def test_the_limit_counts_bytes() -> None:
    assert codes(parse_yaml, "é" * (MAX_BYTES // 2 + 1)) == ["document-too-large"]


# Files ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".YAML", ".json"])
def test_a_file_is_read_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    path.write_text('{"a": 1}', encoding="utf-8")
    assert read_document(path).value == {"a": 1}
    assert read_document(path).file == path.as_posix()
    assert read_document(path, name="shown").at("a").file == "shown"


def test_json_is_held_to_json_by_its_suffix(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text("a: 1", encoding="utf-8")
    with pytest.raises(TableError) as caught:
        read_document(path)
    assert caught.value.code == "document-syntax"


@pytest.mark.parametrize("name", ["absent.yaml", "folder.yaml", "t.toml", "t", "nul\0.yaml", "file.yaml/x.json"])
def test_what_cannot_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "file.yaml").write_text("a: 1", encoding="utf-8")
    with pytest.raises(TableError) as caught:
        read_document(tmp_path / name, name="the shown name")
    assert caught.value.code == "document-unreadable"
    assert "the shown name" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "where"),
    [(b"a: 1\nb: \xe9t\xe9", (2, 4)), ("ä: 1".encode() + b"\xff", (1, 5)), ("a: 1".encode("utf-16"), (1, 1))],
)
def test_other_encodings_are_refused_where_they_show(tmp_path: Path, data: bytes, where: tuple[int, int]) -> None:
    path = tmp_path / "t.yaml"
    path.write_bytes(data)
    with pytest.raises(TableError) as caught:
        read_document(path)
    assert caught.value.code == "document-encoding"
    assert place(caught.value.findings[0].at) == where


# Always --------------------------------------------------------------------------------------------------------

YAML_PIECES = (
    *"abc01:-?,[]{}#&*!|>'\"%@`\\~ \n\t.<=+", "- ", ": ", "? ", "\n  ", "---", "...", "&a ", "*a", "<<", "!!",
    "%YAML 1.1\n", "%TAG ! x\n", '"\\u', "\\x41", "\ufeff", "\u2028", "é", "😀", "\r", "true", "null",
)  # fmt: skip
YAML_SOUP = st.lists(st.sampled_from(YAML_PIECES), max_size=40).map("".join)


@pytest.mark.parametrize("parser", LOADERS)
@given(text=st.text() | YAML_SOUP)
def test_any_text_is_yaml_or_a_table_error(parser: Any, text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_LOADER", parser)
        _is_sound(parse_yaml, text)


@given(st.text() | st.text('{}[]",:0123456789.eE+-truefalsn \n\\u', max_size=30))
def test_any_text_is_json_or_a_table_error(text: str) -> None:
    _is_sound(parse_json, text)


@given(st.binary(), st.sampled_from([".yaml", ".json"]))
def test_any_bytes_are_a_document_or_a_table_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_bytes(data)
    _is_sound(lambda _text, _file: read_document(path), "")


def _is_sound(parse: Callable[[str, str], Document], text: str) -> None:
    try:
        document = parse(text, "t")
    except TableError as error:
        assert all(finding.at is None or finding.at.line >= 1 <= finding.at.column for finding in error.findings)
    else:
        assert exactly(json.loads(json.dumps(document.value, allow_nan=False)), document.value)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_numbers_in_yaml_are_the_numbers_of_json(word: str) -> None:
    try:
        value = parse_yaml(word, "t").value
    except TableError:
        return
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = re.sub(r"#.*", "", word).strip().removeprefix("---").strip()
        assert math.isfinite(value)
        assert exactly(json.loads(number), value)


def test_documents_can_be_pickled_and_show_no_inner_parts() -> None:
    document = parse_yaml("a: [1, &x {b: 2}, *x]\ntrue: 1", "t")
    again = pickle.loads(pickle.dumps(document))
    assert again == document
    assert again.key_at("true") == document.key_at("true")
    assert repr(document) == f"Document(file='t', value={document.value!r})"
