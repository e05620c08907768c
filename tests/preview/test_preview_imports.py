"""The library does not need what the preview needs."""

from __future__ import annotations

import subprocess
import sys


def test_importing_the_library_does_not_import_pillow() -> None:
    code = "import sys, engine; sys.exit('PIL' in sys.modules or 'engine.preview' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
