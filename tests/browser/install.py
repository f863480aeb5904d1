"""Which Chromium do the tests drive? The machine's, or one that this installs: `python -m tests.browser.install`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str | None:
    """The path of a Chromium or Chrome: the system's, else playwright's own; None where there is none."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def _ways() -> list[list[str]]:
    root = [] if os.name == "nt" or os.geteuid() == 0 else ["sudo", "-n"]
    ways = []
    if shutil.which("apt-get"):
        ways.append([*root, "sh", "-c", "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium"])
    ways.append([sys.executable, "-m", "playwright", "install", "chromium"])
    return ways


def main() -> None:
    for way in [[], *_ways()]:
        if way:
            print("No Chromium here; installing one:", " ".join(way), flush=True)
            subprocess.run(way, stdout=subprocess.DEVNULL, check=False)
        if path := chromium():
            print("Chromium for the tests:", path)
            return
    sys.exit("The browser tests need Chromium, and neither apt-get nor playwright could install it; install it as `chromium`.")


if __name__ == "__main__":
    main()
