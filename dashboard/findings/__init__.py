"""What did each study find? A function a study: run directories in, paragraphs of Markdown out; every number is computed.

`python -m dashboard.studies_report` writes them into STUDIES.md and README.md. No result stands in these sentences as a literal: a
newer run changes them. Literal numbers are names (ResNet-20), settings and citations; a test tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dashboard.findings import initialisation, measured, pair, trainings

FINDINGS: dict[str, Callable[[Path], str]] = {
    finding.__name__: finding
    for finding in (
        trainings.figure6, trainings.race, trainings.race_in_readme, trainings.race_long, trainings.rates, trainings.figure4,
        trainings.gradients, trainings.shortcuts, pair.bundled_pair, pair.pair_rates, pair.pair,
        initialisation.depth, initialisation.shattering, initialisation.agreement, initialisation.precision,
        measured.sanity, measured.figure7, measured.figure7_longer, measured.paths, measured.paths_longer, measured.lesion, measured.lesion_longer,
        measured.similarity, measured.landscape,
    )
}  # fmt: skip
