"""How long from a click on the Compare page to the new picture, warm? Run it with `make bench`, or from the repository's root:

    python -m benchmarks.page [--peer CHECKOUT]

A real Chromium on this machine, server and browser on the same cores. "Block": a click on a block of the strip until the frame
stands on it and its maps are drawn. "Target": a click on a class that this photograph has not been asked for, until all 32
Grad-CAMs are new: two forward and two backward passes are in it. The limit: a rerun of the same page that changes nothing.
The peer: another version of this program, whose clicks are interleaved with ours; ratios are ours over its.
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
CLASSES = ["lion", "espresso", "broom", "goldfish", "teapot", "beacon", "volleyball", "orange", "acorn", "desk", "pizza"]
STRIPS = ("strip-plain34-tiny", "strip-resnet34-tiny")
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


PLOTS = f"[{', '.join(map(plot, STRIPS))}]"


def click_block(page: Page, label: str) -> float:
    """Click a block of the residual network's strip; milliseconds."""
    box = page.locator(f".st-key-{STRIPS[1]} .annotation-text", has_text=label).first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 25, box["y"] + 45)
    frame = "p.layout.shapes[0].x0 + 9 * p.layout.shapes[0].y0"
    page.evaluate(f"window.before = {PLOTS}.map((p) => {frame})")
    page.mouse.click(box["x"] + 25, box["y"] + 45)
    heading = f"[...document.querySelectorAll('h3')].some((h) => h.textContent === 'Block {label}')"
    drawn = f"{plot('maps-resnet34-tiny')}.exhibit.alt.includes(' {label} ')"
    return float(page.evaluate(STOPWATCH, f"() => {heading} && {drawn} && {PLOTS}.every((p, i) => {frame} !== window.before[i])"))


def choose_target(page: Page, name: str) -> float:
    """Choose a class; milliseconds."""
    page.get_by_role("combobox", name="Evidence for").click()
    page.keyboard.type(name)
    option = page.get_by_role("option", name=name, exact=True)
    page.evaluate(f"window.before = {PLOTS}.map((p) => p.layout.images.at(-1).source)")
    option.click()
    return float(
        page.evaluate(STOPWATCH, f"() => {PLOTS}.every((p, i) => p && p.layout.images.at(-1).source !== window.before[i])")
    )


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
    peer = parser.parse_args().peer
    milliseconds: dict[tuple[str, str], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path=chromium(), args=FLAGS)
        pages = {}
        for name, root in (("ours", HERE), ("peer", peer)):
            if root:
                page = pages[name] = browser.new_page(viewport={"width": 1440, "height": 1400})
                page.goto(stack.enter_context(serving(root)))
                page.get_by_role("link", name="Compare").first.click()
                settle(page)
                page.evaluate(PRESSED)
        for question, ask, values in (
            ("rerun", rerun, LABELS),
            ("block", click_block, LABELS),
            ("target", choose_target, CLASSES),
        ):
            for value in values:
                for name, page in pages.items():
                    milliseconds[question, name].append(ask(page, value))
                    settle(page)
        browser.close()
    print(f"streamlit {version('streamlit')}, torch {version('torch')}, {platform.processor() or platform.machine()}")
    for question in ("rerun", "block", "target"):
        ours = milliseconds[question, "ours"]
        low, middle, high = np.quantile(ours, [0.25, 0.5, 0.75])
        said = f"{question}: median {middle:.0f} ms ({low:.0f} to {high:.0f}, n={len(ours)})"
        if peer:
            theirs = milliseconds[question, "peer"]
            said += f"; peer {np.median(theirs):.0f}; ratio {np.median(np.divide(ours, theirs)):.2f}"
        print(said)


if __name__ == "__main__":
    main()
