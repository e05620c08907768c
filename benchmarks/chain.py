"""How much the client side of a four-stage chain costs: this engine beside a peer and a floor, in one run.

A server on loopback answers at once with canned pictures, so what is measured is everything but generation: building
payloads, encoding, HTTP, decoding, threading. The floor posts hand-written bodies with `requests` and passes the base64
text on unread. The peer is `webuiapi` (pip install webuiapi), which decodes and encodes each picture on every hop; it
is left out where it is not installed. Printed are medians as ratios to the floor: absolute times depend on the machine.

    python benchmarks/chain.py [--megabytes 4] [--rounds 7]
"""

from __future__ import annotations

import argparse
import base64
import importlib.util
import json
import random
import statistics
import struct
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from engine import ApiClient, PipelineRunner, RunConfig, StageConfig, StageExecution, StageExecutionPlan

PLAN = StageExecutionPlan(
    (
        StageExecution("base", StageConfig("txt2img")),
        StageExecution("polish", StageConfig("img2img", {"denoising_strength": 0.3})),
        StageExecution("enlarge", StageConfig("upscale", {"upscaler_name": "Lanczos"})),
        StageExecution("faces", StageConfig("adetailer", {"adetailer_model": "face_yolov8n.pt"})),
    )
)


def noise_png(megabytes: float) -> bytes:
    """A valid PNG of about this size, of pixels that cannot be compressed."""
    side = int((megabytes * 2**20 / 3) ** 0.5) // 8 * 8
    source = random.Random(7)
    rows = b"".join(b"\0" + source.randbytes(side * 3) for _ in range(side))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 0)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@contextmanager
def canned_server(picture: bytes) -> Iterator[str]:
    """A server that answers every POST at once with the same picture, in the shape of its endpoint."""
    text = base64.b64encode(picture).decode()
    info = {"all_seeds": [7], "seed": 7, "index_of_first_image": 0, "infotexts": [""], "extra_generation_params": {}}
    many = json.dumps({"images": [text], "parameters": {}, "info": json.dumps(info)}).encode()
    one = json.dumps({"image": text, "html_info": ""}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = one if "extra" in self.path else many
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def floor(url: str) -> Callable[[], None]:
    """Hand-written bodies; the text is passed on as it came."""
    session = requests.Session()

    def run() -> None:
        text = session.post(f"{url}/sdapi/v1/txt2img", json={"prompt": "a"}).json()["images"][0]
        text = session.post(f"{url}/sdapi/v1/img2img", json={"init_images": [text]}).json()["images"][0]
        text = session.post(f"{url}/sdapi/v1/extra-single-image", json={"image": text}).json()["image"]
        text = session.post(f"{url}/sdapi/v1/img2img", json={"init_images": [text]}).json()["images"][0]
        base64.b64decode(text)  # the last picture is wanted as bytes

    return run


def ours(url: str) -> Callable[[], None]:
    """The engine, checks and all."""
    runner = PipelineRunner(ApiClient(url, backend="a1111", check_names=False))
    return lambda: runner.run_pipeline(PLAN, RunConfig(prompt="a", seed=7)).raise_for_status().images[0].data and None


def peer(url: str) -> Callable[[], None]:
    """The Python client that is in use today."""
    import webuiapi

    api = webuiapi.WebUIApi(baseurl=f"{url}/sdapi/v1")

    def run() -> None:
        image = api.txt2img(prompt="a", seed=7).image
        image = api.img2img(images=[image], prompt="a", seed=7, denoising_strength=0.3).image
        image = api.extra_single_image(image=image, upscaler_1="Lanczos", upscaling_resize=2).image
        unit = webuiapi.ADetailer(ad_model="face_yolov8n.pt")
        _ = api.img2img(images=[image], prompt="a", seed=7, adetailer=[unit]).image

    return run


def main() -> None:
    """Measure all in turn, round by round, and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=4.0, help="size of a picture")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    contenders = {"floor (requests)": floor, "stage-engine": ours}
    if importlib.util.find_spec("webuiapi") is None:
        print("webuiapi is not installed: no peer in this run", file=sys.stderr)
    else:
        contenders["webuiapi"] = peer
    with canned_server(noise_png(arguments.megabytes)) as url:
        runs = {name: make(url) for name, make in contenders.items()}
        for run in runs.values():
            run()
        times: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(arguments.rounds):
            for name, run in runs.items():  # interleaved, so that what else the machine does hits all alike
                began = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - began)
    base = statistics.median(times["floor (requests)"])
    print(f"four stages, pictures of {arguments.megabytes:g} MB, {arguments.rounds} rounds")
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        print(f"{name:<18} {middle * 1000:8.0f} ms   {middle / base:6.2f} x the floor")


if __name__ == "__main__":
    main()
