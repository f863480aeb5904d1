"""Does the check of a GPU run, and does it see a wrong number? Here in small, on a CPU."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.gpu_check import Check, checks, difference


@pytest.mark.slow
def test_the_dry_run_passes_on_a_cpu() -> None:
    done = list(checks("cpu", small=True))
    assert [str(check) for check in done if not check.passed] == []
    said = " ".join(check.name for check in done)
    for what in ("inspect", "feature maps", "attribution", "gradient flow", "float32", "bfloat16", "hooks left", "two streams"):
        assert what in said


def test_a_wrong_number_and_no_number_fail() -> None:
    assert difference(np.array([1.0, 2.2]), np.array([1.0, 2.0])) == pytest.approx(0.1)
    assert Check("x", 0.01, 0.02).passed
    assert not Check("x", 0.03, 0.02).passed
    assert not Check("x", math.nan, 0.02).passed
