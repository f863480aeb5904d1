"""Which programs besides Python's do tests need? A Chromium, and for one slow test nginx.

`python -m tests.browser.install chromium nginx` installs what this machine lacks.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAYWRIGHT = [sys.executable, "-m", "playwright", "install", "chromium"]


def chromium() -> str | None:
    """Return the path of a Chromium or Chrome: the system's, else playwright's own, else None."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def nginx() -> str | None:
    """Return the path of nginx, which lies where only an administrator's PATH leads, or None."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin")


def _by_apt(package: str) -> list[list[str]]:
    if not shutil.which("apt-get"):
        return []
    root = [] if os.name == "nt" or os.geteuid() == 0 else ["sudo", "-n"]
    words = f"apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq {package}"
    return [[*root, "sh", "-c", words]]


PROGRAMS: dict[str, tuple[Callable[[], str | None], list[list[str]]]] = {  # how it is found, and the ways to install it
    "chromium": (chromium, [*_by_apt("chromium"), PLAYWRIGHT]),
    "nginx": (nginx, _by_apt("nginx-light")),
}


def main() -> None:
    for name in sys.argv[1:]:
        find, ways = PROGRAMS[name]
        for way in ways:
            if find():
                break
            print(f"No {name} here; installing it:", " ".join(way), flush=True)
            subprocess.run(way, stdout=subprocess.DEVNULL, check=False)
        path = find()
        if path is None:
            sys.exit(f"The tests need {name}, and it could not be installed; install it by hand as `{name}`.")
        print(f"{name} for the tests: {path}")


if __name__ == "__main__":
    main()
