"""Does every page fit on a laptop and on a phone, with no label over another?"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from tests.support.browser import LAPTOP, PHONE, fits, overlapping_labels, settle, sideways

PAGES = (
    "",
    "compare",
    "predictions",
    "feature_maps?block=conv4_2&place=residual-function&colours=own",
    "operations",
    "attribution",
    "gradient_flow?study=gradients&layers=20",
    "degradation",
    "train_live",
    "architectures?network=resnet152&first=true&stage=conv4_x",
    "studies",
    "lesion?missing=conv4_1",
    "landscape?why=true",
    "likeness",
    "myths?says-vanishing=true",
)
QUICK = {"", "compare", "operations", "degradation", "train_live"}  # the others fit in `make test-slow`, in both themes too
OTHER = "pair=any-two&left=torchvision:resnet18"
STUDIES = Path(__file__).parents[2] / "assets/studies"
MEASURED = sorted(
    {path.parents[1].name for path in STUDIES.glob("*/*/measured.parquet")} | {"gradients", "rates-x0.025", "shortcuts-x0.025"}
)
MORE = (
    "architectures",
    "architectures?network=plain1202-cifar",
    f"compare?{OTHER}&block=conv4_5",
    f"feature_maps?{OTHER}&block=conv4_5",
    f"attribution?{OTHER}",
    f"predictions?{OTHER}",
    *(f"studies?show=measurements&measurement={name}" for name in MEASURED),
)


@pytest.mark.parametrize(
    ("size", "path"),
    [
        *(pytest.param(PHONE, path, marks=() if path in QUICK else pytest.mark.slow) for path in PAGES),
        (LAPTOP, ""),
        (LAPTOP, "degradation"),
    ],
)
def test_a_page_fits_into_the_window(server: str, page: Page, size: ViewportSize, path: str) -> None:
    page.set_viewport_size(size)
    page.goto(f"{server}/{path}")
    settle(page)
    assert sideways(page) <= 0
    assert overlapping_labels(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES + MORE)
def test_it_fits_in_both_themes_when_visited_on_either(server: str, browser: Browser, path: str) -> None:
    fits(browser, f"{server}/{path}")
