"""How long from a click to the picture of 512 channels of 28 x 28, twice? Run it from the repository's root:

    python -m benchmarks.grid

A real Chromium on this machine, server and browser on the same cores. "Click": on a map, until its channel is framed in both
grids and shown large. "Sort": until both grids are drawn in another order. Goals: medians of at most 300 ms, a message
of at most 1 MB, and scrolling at 50 frames a second (the browser's limit is 60).

Last result (two cores of an x86-64 machine): click 277 ms (239-294, n = 15), sort 179 ms (150-193, n = 15), 0.43 MB, 60 frames.
"""

from __future__ import annotations

import platform
import socket
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, WebSocket, sync_playwright

from benchmarks.page import PRESSED, STOPWATCH, plot
from tests.browser.install import chromium
from tests.support.browser import FLAGS, settle

ROUNDS = 15
GRIDS = "['grid-0', 'grid-1'].map((key) => document.querySelector(`.st-key-${key} .js-plotly-plot`))"
# Resolves with the milliseconds between frames while the page scrolls down and up again.
FRAMES = """async () => {
  const main = document.querySelector('[data-testid="stMain"]'), gaps = []
  let last = await new Promise(requestAnimationFrame)
  for (let i = 0; i < 120; i++) {
    main.scrollTop += i < 60 ? 12 : -12
    const now = await new Promise(requestAnimationFrame)
    gaps.push(now - last)
    last = now
  }
  return gaps
}"""


def click_maps(page: Page) -> list[float]:
    times = []
    rng = np.random.default_rng(0)
    for _ in range(ROUNDS):
        box = page.locator(".st-key-grid-1 .nsewdrag").bounding_box()
        x, y = box["x"] + box["width"] * rng.uniform(0.05, 0.95), box["y"] + box["height"] * rng.uniform(0.05, 0.4)
        page.evaluate(f"window.before = {plot('channel-1')}.exhibit.alt")
        page.mouse.move(x, y)
        page.mouse.click(x, y)
        title = f"'channel ' + {plot('channel-1')}.layout.annotations[0].text.split(' ')[1]"
        change = f"() => {plot('channel-1')}.exhibit.alt !== window.before && {title} === {plot('channel-1')}.exhibit.alt"
        times.append(page.evaluate(STOPWATCH, change))
        settle(page)
    return times


def sort_maps(page: Page) -> list[float]:
    times = []
    for i in range(ROUNDS):
        page.evaluate(f"window.before = {GRIDS}.map((p) => p.layout.images[0].source)")
        page.get_by_role("radio", name=("mean", "variance", "energy")[i % 3]).or_(
            page.get_by_role("button", name=("mean", "variance", "energy")[i % 3], exact=True)
        ).first.click()
        change = f"() => {GRIDS}.every((p, i) => p.layout.images[0].source !== window.before[i])"
        times.append(page.evaluate(STOPWATCH, change))
        settle(page)
    return times


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = Path(__file__).with_name("grid_app.py")
    command = [sys.executable, "-m", "streamlit", "run", str(app), "--server.port", str(port)]
    server = subprocess.Popen(command, env={"PYTHONPATH": str(app.parents[1]), "PATH": "/usr/bin:/bin"})
    time.sleep(6)
    sizes: list[int] = []

    def listen(socket_: WebSocket) -> None:
        socket_.on("framereceived", lambda frame: sizes.append(len(frame)))

    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.on("websocket", listen)
            page.goto(f"http://127.0.0.1:{port}")
            settle(page)
            page.evaluate(PRESSED)
            measured = {"click": click_maps(page), "sort": sort_maps(page)}
            frames = page.evaluate(FRAMES)
            browser.close()
    finally:
        server.terminate()
    print(f"streamlit {version('streamlit')}, {platform.processor() or platform.machine()}")
    for name, times in measured.items():
        low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
        print(f"{name}: median {middle:.0f} ms ({low:.0f}–{high:.0f}, n={len(times)}), goal 300 ms")
    print(f"largest message {max(sizes) / 1e6:.2f} MB, goal 1 MB")
    print(f"scrolling: {1000 / np.median(frames):.0f} frames a second, the slowest tenth {1000 / np.quantile(frames, 0.9):.0f}")


if __name__ == "__main__":
    main()
