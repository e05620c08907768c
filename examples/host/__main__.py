"""Starts the host: `python examples/host`, or `python examples/host --url http://127.0.0.1:7860`."""

from __future__ import annotations

import argparse
import sys
import tkinter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from window import Window
from worker import Worker

from engine import Catalog


def main() -> None:
    """Open the window, and wait until it is closed."""
    catalog = Catalog()
    parser = argparse.ArgumentParser(description="A small host of stage-engine.")
    parser.add_argument("--url", default="", help="the server's address; without one, the embedded preview draws")
    parser.add_argument("--backend", default=catalog.default(), choices=catalog.names())
    arguments = parser.parse_args()
    root = tkinter.Tk()
    Window(root, Worker(catalog), url=arguments.url, backend=arguments.backend)
    root.mainloop()


if __name__ == "__main__":
    main()
