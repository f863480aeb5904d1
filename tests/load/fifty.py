"""Does one server serve a class? Sessions that open pages and choose, as students do: how long each waits, and what fails.

    python -m tests.load.fifty --sessions 50 --browsers 5 --minutes 3 --think 30 [--race] [--uploads 10]

Prints the seconds from a request to its finished script: median, 95th percentile, largest; errors; the server's memory before and
after, and its processor time a rerun. The goals on two cores: no error, 0.5 s and 2 s; with a race 3 s, and 2 minutes for it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from dashboard import words
from resnet_core.assets import STUDIES
from resnet_core.studies.collection import read
from tests.browser.install import chromium
from tests.support.browser import FLAGS, settle
from tests.support.protocol import Visitor, visitor
from tests.support.server import running_dashboard

SAMPLES = ("coffee", "cat", "rocket", "astronaut", "camera", "galaxies")
RECORDED = "This race was recorded"  # says the page as long as the visitor has started none
BLOCKS = ("conv2_1", "conv3_1", "conv3_4", "conv4_2", "conv4_6", "conv5_1", "conv5_3")
CHOICES = {  # page -> what a student may choose there: widget keys and ids
    "": {},
    "compare": {"sample": SAMPLES, "block": BLOCKS},
    "feature_maps": {"sample": SAMPLES, "block": BLOCKS[:5], "sort": ("energy", "index", "variance")},
    "degradation": {"study": ("figure6-x0.1", "figure6-x0.025", "race")},
    "studies": {},
}
# what a select box calls a choice, by its id; of the others it is the id itself
SAID = {name: words.study(read(STUDIES / name, name, 0).studies[0]) for name in CHOICES["degradation"]["study"]}


@dataclass
class Found:
    """What the sessions met."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def timed(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            with self.lock:
                self.errors.append(f"{type(error).__name__}: {error}"[:300])
            return
        with self.lock:
            self.seconds.append(time.perf_counter() - start)


def student(address: str, number: int, think: float, end: float, found: Found) -> None:
    """Open pages and choose on them until the end; between two requests, think."""
    chance = random.Random(number)
    time.sleep(chance.random() * think)
    with visitor(address) as session:
        while time.monotonic() < end:
            page = chance.choice(list(CHOICES))
            query = "&".join(f"{key}={chance.choice(values)}" for key, values in CHOICES[page].items() if chance.random() < 0.7)
            with found.timed():
                session.open(page, query)
            check(session, found)
            for _ in range(chance.randrange(2, 6)):
                thinking = chance.expovariate(1 / think)
                if time.monotonic() + thinking > end:
                    return
                time.sleep(thinking)
                with found.timed():
                    choose(session, page, chance)
                check(session, found)


def choose(session: Visitor, page: str, chance: random.Random) -> None:
    options = CHOICES[page]
    if not options:
        session.rerun()
        return
    key = chance.choice(list(options))
    chosen = chance.choice(options[key])
    session.set(key, stringValue=SAID.get(chosen, chosen))


def check(session: Visitor, found: Found) -> None:
    if session.exceptions:
        with found.lock:
            found.errors += session.exceptions


def in_chromium(address: str, count: int, think: float, end: float, found: Found) -> None:
    """The same in real browsers, until each page is drawn."""
    chance = random.Random(99)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        pages = [browser.new_context(viewport={"width": 1440, "height": 900}).new_page() for _ in range(count)]
        for page in pages:
            page.set_default_timeout(60_000)  # as in every other browser test
        while time.monotonic() < end:
            for page in pages:
                path = chance.choice(list(CHOICES))
                with found.timed():
                    sample = f"?sample={chance.choice(SAMPLES)}" if "sample" in CHOICES[path] else ""
                    page.goto(f"{address}/{path}{sample}")
                    settle(page)
                time.sleep(think / max(1, count))
                if time.monotonic() > end:
                    break
        browser.close()


def uploads(address: str, a_minute: float, end: float, found: Found) -> None:
    """Photographs of 12 megapixels, each another one."""
    number = 0
    while time.monotonic() < end:
        number += 1
        pixels = np.random.default_rng(number).integers(0, 256, (30, 40, 3), np.uint8)
        picture = Image.fromarray(pixels).resize((4000, 3000), Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=90)
        with found.timed(), visitor(address) as session:
            session.open("compare")
            session.upload("upload-0", "photograph.jpg", buffer.getvalue())
        time.sleep(60 / a_minute)


def memory(process: int) -> float:
    """Resident megabytes."""
    return (
        int(next(line for line in Path(f"/proc/{process}/status").read_text().splitlines() if "VmRSS" in line).split()[1]) / 1e3
    )


def processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def race(address: str, found: Found) -> float:
    """Start a race; its wall-clock seconds."""
    with visitor(address) as session:
        session.open("train_live", "depth=56")
        start = time.monotonic()
        session.set("start-race", triggerValue=True)
        if RECORDED in session.text:
            found.errors.append("The race did not start.")
        while "Replay up to iteration" not in session.text and time.monotonic() < start + 600:
            time.sleep(1)
            session.rerun()
        return time.monotonic() - start


def load(sessions: int, browsers: int, minutes: float, think: float, with_race: bool, upload_rate: float) -> dict[str, object]:
    """Run the sessions against a dashboard of their own; what was measured."""
    found, drawn = Found(), Found()
    with TemporaryDirectory() as runs, running_dashboard({"RESNET_LENS_RUNS": runs}) as (address, process), ExitStack():
        with visitor(address) as first:  # the networks are loaded
            for page in CHOICES:
                first.open(page)
        before, used = memory(process), processor_seconds(process)
        end = time.monotonic() + 60 * minutes
        threads = [threading.Thread(target=student, args=(address, i, think, end, found)) for i in range(sessions - browsers)]
        if browsers:
            threads.append(threading.Thread(target=in_chromium, args=(address, browsers, think, end, drawn)))
        if upload_rate:
            threads.append(threading.Thread(target=uploads, args=(address, upload_rate, end, found)))
        raced: list[float] = []
        if with_race:
            threads.append(threading.Thread(target=lambda: raced.append(race(address, found))))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = sorted(found.seconds)
        return {
            "reruns": len(seconds),
            "p50": round(statistics.median(seconds), 3),
            "p95": round(seconds[int(0.95 * (len(seconds) - 1))], 3),
            "max": round(seconds[-1], 3),
            "chromium p50": round(statistics.median(drawn.seconds), 3) if drawn.seconds else None,
            "errors": found.errors + drawn.errors,
            "processor ms a rerun": round(
                1000 * (processor_seconds(process) - used) / max(1, len(seconds) + len(drawn.seconds)), 1
            ),
            "MB before, after": [round(before), round(memory(process))],
            "race seconds": [round(each) for each in raced],
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--browsers", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=3)
    parser.add_argument("--think", type=float, default=30)
    parser.add_argument("--race", action="store_true")
    parser.add_argument("--uploads", type=float, default=0, help="a minute")
    asked = parser.parse_args()
    print(json.dumps(load(asked.sessions, asked.browsers, asked.minutes, asked.think, asked.race, asked.uploads), indent=2))


if __name__ == "__main__":
    main()
