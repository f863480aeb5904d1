"""How long from a click on the Compare page to the new picture, warm? Run it with `make bench`, or from the repository's root:

    python -m benchmarks.page [--peer CHECKOUT --address /]

A real Chromium on this machine, server and browser on the same cores. "Block": a click on a block of the strip until the frame
stands on it and its maps are drawn. The limit: a rerun of the same page that changes nothing.
The peer: another version of this program, whose clicks are interleaved with ours; ratios are ours over its.

Last result (2 threads of an x86-64 machine, streamlit 1.67.0, torch 2.14.1): block 181 ms, 0.82 of the peer's; rerun 252 ms, 0.93
(the peer: this program before its pages were scenes; 15 clicks each).
"""

from __future__ import annotations

import argparse
import platform
import socket
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

import numpy as np
import requests
from playwright.sync_api import Page, sync_playwright

from tests.browser.install import chromium
from tests.support.browser import FLAGS, settle

HERE = Path(__file__).parents[1]
LABELS = [f"conv{stage}_{index}" for stage, blocks in ((2, 3), (3, 4), (4, 6), (5, 2)) for index in range(1, blocks + 1)]
# Resolves, once `change` has happened, with the milliseconds since the mouse went down last.
STOPWATCH = """async (change) => {
  const changed = new Function('return ' + change)()
  while (!changed()) await new Promise(requestAnimationFrame)
  await new Promise(requestAnimationFrame)
  return performance.now() - window.pressed
}"""
PRESSED = "addEventListener('pointerdown', () => { window.pressed = performance.now() }, true)"
# Resolves with the milliseconds from now until the script has run and rests again; set up before the key is pressed.
RERUN = """() => {
  const app = document.querySelector('[data-testid=stApp]'), start = performance.now()
  let ran = false
  window.rerun = new Promise((done) => new MutationObserver(() => {
    if (app.dataset.testScriptState === 'running') ran = true
    else if (ran) done(performance.now() - start)
  }).observe(app, { attributes: true }))
}"""


def plot(key: str) -> str:
    return f"document.querySelector('.st-key-{key} .js-plotly-plot')"


def plots(page: Page) -> str:
    """Both strips of Grad-CAMs, the plain network's first."""
    keys = page.evaluate(
        "() => [...document.querySelectorAll('[class*=st-key-strip-]')].map(e => e.className.match(/strip-[\\w-]+/)[0])"
    )
    return f"[{', '.join(map(plot, keys))}]"


def click_block(page: Page, label: str) -> float:
    """Click a block of the residual network's strip; milliseconds."""
    strips = plots(page)
    box = page.locator("[class*=st-key-strip-]").last.locator(".annotation-text", has_text=label).first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 25, box["y"] + 45)
    frame = "p.layout.shapes[0].x0 + 9 * p.layout.shapes[0].y0"
    page.evaluate(f"window.before = {strips}.map((p) => {frame})")
    page.mouse.click(box["x"] + 25, box["y"] + 45)
    drawn = (
        f"[...document.querySelectorAll('[class*=st-key-maps-] .js-plotly-plot')].every(p => p.exhibit.alt.includes(' {label} '))"
    )
    return float(page.evaluate(STOPWATCH, f"() => {drawn} && {strips}.every((p, i) => {frame} !== window.before[i])"))


def rerun(page: Page, _: str) -> float:
    """Run the page again as it is; milliseconds."""
    page.evaluate(RERUN)
    page.keyboard.press("r")
    return float(page.evaluate("window.rerun"))


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """The dashboard of a checkout on a port of its own; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-m", "dashboard", "--port", str(port)], cwd=root)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                requests.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=1).raise_for_status()
                break
            except requests.RequestException:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", type=Path, help="the root of another version of this program")
    parser.add_argument("--address", default="/compare", help="of its page Compare")
    asked = parser.parse_args()
    peer, address = asked.peer, asked.address
    milliseconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium(), args=FLAGS)
        pages = {}
        for name, root in (("ours", HERE), ("peer", peer)):
            if root:
                page = pages[name] = browser.new_page(viewport={"width": 1440, "height": 1400})
                page.goto(stack.enter_context(serving(root)) + ("/compare" if name == "ours" else address))
                settle(page)
                page.evaluate(PRESSED)
        for question, ask, values in (
            ("rerun", rerun, LABELS),
            ("block", click_block, LABELS),
        ):
            for value in values:
                for name, page in pages.items():
                    milliseconds[question, name].append(ask(page, value))
                    settle(page)
        browser.close()
    print(f"streamlit {version('streamlit')}, torch {version('torch')}, {platform.processor() or platform.machine()}")
    for question in ("rerun", "block"):
        ours = milliseconds[question, "ours"]
        low, middle, high = np.quantile(ours, [0.25, 0.5, 0.75])
        said = f"{question}: median {middle:.0f} ms ({low:.0f} to {high:.0f}, n={len(ours)})"
        if peer:
            theirs = milliseconds[question, "peer"]
            said += f"; peer {np.median(theirs):.0f}; ratio {np.median(np.divide(ours, theirs)):.2f}"
        print(said)


if __name__ == "__main__":
    main()
