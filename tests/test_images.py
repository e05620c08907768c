"""Picture handles: what a header says, which bytes are a whole picture, and that nothing is changed on the way."""

from __future__ import annotations

import base64
import copy
import hashlib
import io
import pickle
import threading
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import images
from engine.errors import ImageError
from engine.images import MAX_SIDE, Header, Image, read_header


def drawn(kind: str, width: int = 37, height: int = 21, mode: str = "RGB", **options: Any) -> bytes:
    """A picture with some content, as Pillow writes it."""
    picture = PIL.Image.linear_gradient("L").resize((width, height)).convert(mode)
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def animated(kind: str) -> bytes:
    frames = [PIL.Image.new("RGB", (37, 21), colour) for colour in ("red", "green", "blue")]
    stream = io.BytesIO()
    frames[0].save(stream, kind, save_all=True, append_images=frames[1:], duration=100)
    return stream.getvalue()


def with_thumbnail() -> bytes:
    """A JPEG whose metadata holds a whole smaller JPEG, as cameras write them."""
    thumbnail = drawn("JPEG", 8, 6)
    segment = b"Exif\x00\x00" + thumbnail
    plain = drawn("JPEG")
    return plain[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]


SAMPLES: dict[str, tuple[bytes, str]] = {
    "png": (drawn("PNG"), "image/png"),
    "png-grey": (drawn("PNG", mode="L"), "image/png"),
    "png-alpha": (drawn("PNG", mode="RGBA"), "image/png"),
    "png-palette": (drawn("PNG", mode="P"), "image/png"),
    "png-animated": (animated("PNG"), "image/png"),
    "jpeg": (drawn("JPEG"), "image/jpeg"),
    "jpeg-grey": (drawn("JPEG", mode="L"), "image/jpeg"),
    "jpeg-cmyk": (drawn("JPEG", mode="CMYK"), "image/jpeg"),
    "jpeg-progressive": (drawn("JPEG", progressive=True), "image/jpeg"),
    "jpeg-comment": (drawn("JPEG", comment=b"\xff\xd9 not the end"), "image/jpeg"),
    "jpeg-thumbnail": (with_thumbnail(), "image/jpeg"),
    "webp-lossy": (drawn("WEBP", quality=50), "image/webp"),
    "webp-lossless": (drawn("WEBP", lossless=True), "image/webp"),
    "webp-lossless-alpha": (drawn("WEBP", mode="RGBA", lossless=True), "image/webp"),
    "webp-extended": (drawn("WEBP", exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00"), "image/webp"),
    "webp-animated": (animated("WEBP"), "image/webp"),
    "gif": (drawn("GIF", mode="P"), "image/gif"),
    "gif-animated": (animated("GIF"), "image/gif"),
}
EXTENSIONS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif"}
PNG = SAMPLES["png"][0]

each_sample = pytest.mark.parametrize(("data", "media_type"), SAMPLES.values(), ids=SAMPLES.keys())


def refused(data: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        Image.from_bytes(data)
    return caught.value.code


# Headers -------------------------------------------------------------------------------------------------------


def test_the_samples_are_of_the_kinds_that_they_are_named_for() -> None:
    assert SAMPLES["webp-lossy"][0][12:16] == b"VP8 "
    assert SAMPLES["webp-lossless"][0][12:16] == b"VP8L"
    assert SAMPLES["webp-extended"][0][12:16] == b"VP8X"
    assert b"acTL" in SAMPLES["png-animated"][0]
    assert b"\xff\xc2" in SAMPLES["jpeg-progressive"][0]


@each_sample
def test_a_header_says_kind_and_size(data: bytes, media_type: str) -> None:
    assert read_header(data) == Header(media_type, 37, 21)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (64, 64), (255, 257)])
@pytest.mark.parametrize("lossless", [False, True])
def test_headers_agree_with_pillow(kind: str, size: tuple[int, int], lossless: bool) -> None:
    header = read_header(drawn(kind, *size, lossless=lossless))  # the others pass over what they do not know
    assert (header.width, header.height) == size


@pytest.mark.parametrize(
    ("kind", "longest"), [("PNG", MAX_SIDE), ("JPEG", 65_500), ("GIF", MAX_SIDE), ("WEBP", 16_383)]
)
def test_the_longest_sides(kind: str, longest: int) -> None:
    assert read_header(drawn(kind, longest, 1)).width == longest
    assert read_header(drawn(kind, 1, longest)).height == longest


def test_an_extended_webp_may_have_sides_of_three_bytes() -> None:
    head = b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00"
    assert read_header(head + b"\xff\x03\x00\x33\x02\x00") == Header("image/webp", 0x400, 0x234)
    with pytest.raises(ImageError) as caught:
        read_header(head + b"\xff\xff\x00\x00\x00\x00")
    assert caught.value.code == "image-size"


@each_sample
def test_only_the_header_is_read(data: bytes, media_type: str) -> None:
    end = next(n for n in range(len(data)) if _is_header(data[:n]))
    assert end < len(data)
    assert all(_is_header(data[:n]) for n in range(end, len(data)))
    for n in range(end):
        with pytest.raises(ImageError) as caught:
            read_header(data[:n])
        assert caught.value.code == "image-truncated", n


def _is_header(data: bytes) -> bool:
    try:
        read_header(data)
    except ImageError:
        return False
    return True


def png_of(width: int, height: int) -> bytes:
    return PNG[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + PNG[24:]


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (MAX_SIDE + 1, 5), (5, MAX_SIDE + 1), (2**32 - 1, 2**32 - 1)])
def test_sizes_that_no_picture_has(size: tuple[int, int]) -> None:
    assert refused(png_of(*size)) == "image-size"


def test_zero_sizes_of_other_kinds() -> None:
    jpeg, gif, webp = (SAMPLES[name][0] for name in ("jpeg", "gif", "webp-lossy"))
    frame = jpeg.index(b"\xff\xc0")
    assert refused(jpeg[: frame + 5] + b"\x00\x00" + jpeg[frame + 7 :]) == "image-size"
    assert refused(gif[:6] + b"\x00\x00" + gif[8:]) == "image-size"
    # The upper two bits of a lossy WebP's side are a scale, no part of the size.
    assert refused(webp[:26] + b"\x00\xc0" + webp[28:]) == "image-size"


UNKNOWN = {
    "text": b"not a picture at all",
    "html": b"<!DOCTYPE html><html></html>",
    "bmp": drawn("BMP"),
    "tiff": drawn("TIFF"),
    "sound": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "png without IHDR": PNG[:12] + b"iCCP" + PNG[16:],
    "webp of a strange kind": b"RIFF\x00\x00\x00\x00WEBPALPH" + bytes(40),
    "lossy webp without start code": SAMPLES["webp-lossy"][0][:23] + bytes(40),
    "lossless webp without signature": SAMPLES["webp-lossless"][0][:20] + bytes(40),
    "jpeg that ends at once": b"\xff\xd8\xff\xd9" + bytes(40),
    "jpeg scan without frame": b"\xff\xd8\xff\xda\x00\x08" + bytes(40),
    "jpeg segment of length 1": b"\xff\xd8\xff\xe0\x00\x01" + bytes(40),
}


@pytest.mark.parametrize("data", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_is_no_picture_of_a_known_kind(data: bytes) -> None:
    assert refused(data) == "image-unknown-format"


def test_a_jpeg_may_have_fill_bytes_and_stray_bytes_between_segments() -> None:
    jpeg = SAMPLES["jpeg"][0]
    for stray in (b"\xff\xff\xff", b"\x00\x12", b"\xff\x00", b"\xff\x01", b"\xff\xd0"):
        assert read_header(jpeg[:2] + b"\xff" + stray + jpeg[2:]) == Header("image/jpeg", 37, 21)


def test_a_jpeg_table_segment_is_not_taken_for_a_frame() -> None:
    table = b"\xff\xc4\x00\x0a\x08\x00\x63\x00\x63\x03\x01\x22"
    jpeg = SAMPLES["jpeg"][0]
    assert read_header(jpeg[:2] + table + jpeg[2:]) == Header("image/jpeg", 37, 21)


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_pictures_are_pictures_or_image_errors(name: str, choices: st.DataObject) -> None:
    data = bytearray(SAMPLES[name][0])
    for _ in range(choices.draw(st.integers(1, 6))):
        data[choices.draw(st.integers(0, min(len(data) - 1, 200)))] = choices.draw(st.integers(0, 255))
    _is_sound(bytes(data[: choices.draw(st.integers(0, len(data)))]))


STARTS = (b"", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\xff\xd8\xff", b"GIF89a", b"RIFF\x10\x00\x00\x00WEBPVP8")


@given(st.sampled_from(STARTS), st.binary(max_size=80))
def test_any_bytes_are_a_picture_or_an_image_error(start: bytes, rest: bytes) -> None:
    _is_sound(start + rest)


def _is_sound(data: bytes) -> None:
    try:
        image = Image.from_bytes(data)
    except ImageError as error:
        assert error.code in {"image-truncated", "image-unknown-format", "image-size"}
    else:
        assert image.data == data
        assert 1 <= image.width <= MAX_SIDE
        assert 1 <= image.height <= MAX_SIDE


# Whole pictures ------------------------------------------------------------------------------------------------


@each_sample
def test_pictures_that_were_cut_off_are_found_wherever_it_was(data: bytes, media_type: str) -> None:
    Image.from_bytes(data)
    for n in range(len(data)):
        if media_type == "image/gif" and data[:n].rstrip(b"\x00").endswith(b";"):
            continue  # a semicolon inside the data: the one cut that the rule for GIF cannot see
        assert refused(data[:n]) == "image-truncated", n


@pytest.mark.parametrize("name", sorted(set(SAMPLES) - {"gif", "gif-animated"}))
@pytest.mark.parametrize("trailing", [b"\x00", b"\r\n", b"a film of a second, as telephones write" * 4000])
def test_bytes_behind_the_end_are_kept(name: str, trailing: bytes) -> None:
    data = SAMPLES[name][0] + trailing
    assert Image.from_bytes(data).data == data


def test_zero_bytes_behind_a_gif_are_kept_and_others_are_not_taken() -> None:
    gif = SAMPLES["gif"][0]
    assert Image.from_bytes(gif + bytes(7)).size_bytes == len(gif) + 7
    assert refused(gif + b"x") == "image-truncated"


def test_a_thumbnail_is_not_taken_for_the_picture_or_its_end() -> None:
    data = with_thumbnail()
    assert read_header(data) == Header("image/jpeg", 37, 21)
    assert refused(data[:-2]) == "image-truncated"


# Base64 --------------------------------------------------------------------------------------------------------


@each_sample
def test_base64_text_is_handed_on_as_it_came(data: bytes, media_type: str) -> None:
    text = base64.b64encode(data).decode()
    image = Image.from_base64(text)
    assert image.base64 is text
    assert image.data == data


@pytest.mark.parametrize(
    "prefix",
    [
        "data:image/png;base64,",
        "data:image/jpeg;base64,",
        "DATA:IMAGE/SVG+XML;BASE64,",
        "data:image/png;name=a.b;base64,",
    ],
)
def test_a_data_url_is_taken_without_its_start_and_its_claim(prefix: str) -> None:
    text = base64.b64encode(PNG).decode()
    image = Image.from_base64(prefix + text)
    assert (image.base64, image.media_type) == (text, "image/png")


def test_base64_text_is_made_once() -> None:
    image = Image.from_bytes(PNG)
    assert image.base64 == base64.b64encode(PNG).decode()
    assert image.base64 is image.base64


GOOD = base64.b64encode(PNG + b"\xfb\xff").decode()  # with padding


@pytest.mark.parametrize(
    "text",
    [
        GOOD + "\n", " " + GOOD, GOOD[:76] + "\n" + GOOD[76:], GOOD[:76] + "\r\n" + GOOD[76:],
        GOOD.rstrip("="), GOOD + "=", GOOD + "AAAA", "=" + GOOD, GOOD[:-1], GOOD[1:],
        GOOD.replace("+", "-").replace("/", "_"), GOOD[:8] + "é" + GOOD[9:], GOOD[:8] + "\ud800" + GOOD[9:],
        GOOD[:8] + "\x00" + GOOD[9:], "data:text/plain;base64," + GOOD, "data:image/png," + GOOD,
        "https://host/picture.png", "data:image/png;base64,data:image/png;base64," + GOOD, "!",
    ],
)  # fmt: skip
def test_what_is_not_strict_base64(text: str) -> None:
    assert GOOD.endswith("=")
    assert "/" in GOOD
    with pytest.raises(ImageError) as caught:
        Image.from_base64(text)
    assert caught.value.code == "image-not-base64"


def test_valid_base64_of_something_else_is_judged_as_bytes() -> None:
    codes = {"": "image-truncated", "bm90IGEgcGljdHVyZQ==": "image-unknown-format"}
    for text, code in codes.items():
        with pytest.raises(ImageError) as caught:
            Image.from_base64(text)
        assert caught.value.code == code


@given(
    st.text()
    | st.text("ABab01+/=\n-_ ", max_size=60)
    | st.binary(max_size=60).map(lambda b: base64.b64encode(b).decode())
)
def test_any_text_is_a_picture_or_an_image_error(text: str) -> None:
    try:
        image = Image.from_base64(text)
    except ImageError:
        return
    assert base64.b64decode(image.base64, validate=True) == image.data


@pytest.mark.parametrize("text", ["c2VjcmV0IHBpY3R1cmU", "c2VjcmV0IHBpY3R1cmU=", "c2Vj\ncmV0IHBpY3R1cmU="])
def test_errors_show_nothing_of_the_data(text: str) -> None:
    with pytest.raises(ImageError) as caught:
        Image.from_base64(text)
    error: BaseException | None = caught.value
    while error is not None:
        assert "c2Vj" not in f"{error} {error!r}"
        assert "secret" not in f"{error} {error!r}"
        error = error.__cause__


# The handle ----------------------------------------------------------------------------------------------------


@each_sample
def test_a_handle_says_what_it_is(data: bytes, media_type: str) -> None:
    image = Image.from_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    assert image.digest == f"sha256:{digest}"
    assert (image.media_type, image.width, image.height) == (media_type, 37, 21)
    assert (image.data, image.size_bytes) == (data, len(data))
    assert image.extension == EXTENSIONS[media_type]
    assert image.predicted is False
    assert image.describe() == f"sha256:{digest[:12]}… {media_type.removeprefix('image/')} 37x21"
    assert repr(image) == f"<Image {image.describe()}>"


def test_handles_are_equal_by_their_bytes_alone() -> None:
    a, b = Image.from_bytes(PNG), Image.from_base64(base64.b64encode(PNG).decode())
    other = Image.from_bytes(PNG + b"\x00")
    assert a == b
    assert hash(a) == hash(b)
    assert a != other
    assert len({a, b, other}) == 2
    assert a != PNG


def test_handles_do_not_change() -> None:
    image = Image.from_bytes(PNG)
    for name in ("predicted", "header", "_data"):
        with pytest.raises(FrozenInstanceError):
            setattr(image, name, None)
    for name in ("width", "data", "base64", "something"):
        # Python 3.11 raises TypeError here, later versions FrozenInstanceError.
        with pytest.raises((AttributeError, TypeError)):
            setattr(image, name, None)


def test_later_changes_to_a_buffer_do_not_reach_the_handle() -> None:
    buffer = bytearray(PNG)
    image = Image.from_bytes(buffer)  # type: ignore[arg-type]
    buffer[30:] = b""
    assert image.data == PNG
    assert isinstance(image.data, bytes)


@pytest.mark.parametrize("asked", [False, True], ids=["fresh", "after use"])
def test_handles_can_be_pickled_and_copied(asked: bool) -> None:
    image = Image.from_bytes(PNG)
    stand_in = Image.predict(8, 9)
    if asked:
        assert image.base64
        assert image.digest
    for again in (pickle.loads(pickle.dumps(image)), copy.deepcopy(image), copy.copy(image)):
        assert (again, again.base64, again.header) == (image, image.base64, image.header)
    assert pickle.loads(pickle.dumps(stand_in)) == stand_in


def test_threads_may_share_a_handle() -> None:
    image = Image.from_bytes(drawn("PNG", 400, 400))
    ready = threading.Barrier(8)
    seen: list[tuple[str, str]] = []

    def look() -> None:
        ready.wait()
        seen.append((image.base64, image.digest))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(base64.b64encode(image.data).decode(), image.digest)] * 8


# Stand-ins -----------------------------------------------------------------------------------------------------


def test_a_stand_in_has_a_size_and_no_data() -> None:
    image = Image.predict(512, 768)
    assert image.predicted is True
    assert (image.width, image.height, image.size_bytes) == (512, 768, 0)
    assert image.digest == image.describe() == "predicted:512x768"
    assert repr(image) == "<Image predicted:512x768>"
    assert image == Image.predict(512, 768)
    assert image != Image.predict(768, 512)
    with pytest.raises(ImageError) as of_data:
        _ = image.data
    with pytest.raises(ImageError) as of_base64:
        _ = image.base64
    assert of_data.value.code == of_base64.value.code == "image-predicted"


@pytest.mark.parametrize("size", [(0, 1), (1, 0), (-1, 5), (1, MAX_SIDE + 1)])
def test_stand_ins_have_sizes_that_pictures_can_have(size: tuple[int, int]) -> None:
    with pytest.raises(ImageError) as caught:
        Image.predict(*size)
    assert caught.value.code == "image-size"


# Files ---------------------------------------------------------------------------------------------------------


@each_sample
def test_a_file_is_read_as_it_is_whatever_its_name(tmp_path: Path, data: bytes, media_type: str) -> None:
    path = tmp_path / "picture.wrong"
    path.write_bytes(data)
    assert Image.from_file(path) == Image.from_bytes(data)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (None, "image-unreadable"),
        (b"", "image-truncated"),
        (b"text", "image-unknown-format"),
        (PNG[:-1], "image-truncated"),
        (png_of(0, 1), "image-size"),
    ],
)
def test_errors_about_files_name_them(tmp_path: Path, content: bytes | None, code: str) -> None:
    path = tmp_path / "the picture.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        Image.from_file(path)
    assert caught.value.code == code
    assert path.as_posix() in caught.value.message


def test_a_folder_and_a_name_that_is_none_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "a\0b"):
        with pytest.raises(ImageError) as caught:
            Image.from_file(path)
        assert caught.value.code == "image-unreadable"


def test_files_are_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(PNG)
    monkeypatch.setattr(images, "MAX_FILE_BYTES", len(PNG))
    assert Image.from_file(path).data == PNG
    monkeypatch.setattr(images, "MAX_FILE_BYTES", len(PNG) - 1)
    with pytest.raises(ImageError) as caught:
        Image.from_file(path)
    assert caught.value.code == "image-size"
    assert path.as_posix() in caught.value.message
