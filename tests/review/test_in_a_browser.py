"""The page in a real browser: it is laid out within the window, wide and narrow, light and dark. `pytest --full`."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from engine.review.page import page
from tests.review.sides import EASEL, edited, lay_out, reviewed

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
QUIET += ["--disable-component-update", "--disable-sync", "--hide-scrollbars", "--virtual-time-budget=2000"]

#: Says in the title how wide the page came out, and whether anything was loaded from elsewhere.
_MEASURE = (
    "<script>document.title = 'measured ' + document.documentElement.scrollWidth + ' ' + innerWidth + ' '"
    " + performance.getEntriesByType('resource').length</script>"
)


@pytest.mark.full
@pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")
@pytest.mark.parametrize("width", [500, 1200])
def test_nothing_is_wider_than_the_window_and_nothing_is_loaded(width: int, tmp_path: Path) -> None:
    long = "a_" + "very_" * 40 + "long_word"
    new = edited(lay_out(tmp_path / "new"), ("cases/txt2img/plain.yaml", "a cat", long))
    new = edited(new, (EASEL, "words/no: negative_prompt", 'words/no: {from: negative_prompt, replace: {"": none}}'))
    text = page(reviewed(lay_out(tmp_path / "old"), new))
    file = tmp_path / "review.html"
    file.write_text(re.sub(r"<meta http-equiv[^>]*>", "", text).replace("</body>", f"{_MEASURE}</body>"), "utf-8")
    command = [BROWSER, *QUIET, f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},900", "--dump-dom"]
    done = subprocess.run([*command, file.as_uri()], check=True, capture_output=True, text=True, timeout=60)
    measured = re.search(r"<title>measured (\d+) (\d+) (\d+)</title>", done.stdout)
    assert measured is not None, done.stderr
    wide, inner, loaded = map(int, measured.groups())
    assert wide <= inner
    assert loaded == 0
