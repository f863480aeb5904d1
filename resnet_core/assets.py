"""Where do the files that come with the project lie? In `assets/` of a checkout, or inside the installed package."""

from __future__ import annotations

from pathlib import Path

_INSTALLED = Path(__file__).parent / "shipped"  # where the wheel puts them, see pyproject.toml
ASSETS = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parents[1] / "assets"
WEIGHTS = ASSETS / "weights"  # the bundled networks
DATA = ASSETS / "data"  # the digits
STUDIES = ASSETS / "studies"  # recorded runs, a folder a study, and what was found (STUDIES.md)
REFERENCE = ASSETS / "reference"  # what the paper prints
