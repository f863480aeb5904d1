"""Do the sliders fade the evidence in the browser alone, to the pixel?"""

from __future__ import annotations

import base64
import io
import re
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.support.browser import figures, settle

MAPS = "/attribution?sample=cat&methods=guided-grad-cam"


def move(page: Page, name: str, percent: int, event: str = "input") -> None:
    page.locator(f".cover input[name={name}]").evaluate(
        "(slider, [value, event]) => { slider.value = value; slider.dispatchEvent(new Event(event)) }", [percent, event]
    )


def evidence(figure: dict[str, Any]) -> np.ndarray:
    source = figure["images"][-1]["source"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGBA"))


def test_sliders_move_without_the_server_and_are_in_the_link_when_let_go(server: str, page: Page) -> None:
    sent: list[int] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(len(frame))))
    page.goto(f"{server}{MAPS}")
    settle(page)
    before, asked = figures(page), len(sent)
    drawn = "percent => [...document.querySelectorAll('.exhibit .plot')].every(p => p.layout.images[1].opacity === percent / 100)"
    for percent in (100, 60, 40):
        move(page, "opacity", percent)
        page.wait_for_function(drawn, arg=percent)
    move(page, "threshold", 25)
    changed = "source => document.querySelector('.exhibit .plot').layout.images[1].source !== source"
    page.wait_for_function(changed, arg=next(iter(before.values()))["images"][1]["source"])
    page.wait_for_timeout(500)
    faded = figures(page)
    assert len(sent) == asked  # not a word to the server
    assert set(faded) == set(before)
    left: list[int] = []  # on one scale, the weaker network may have none
    for name, figure in faded.items():
        assert figure["images"][0] == before[name]["images"][0]  # the photograph is as it was
        alpha, whole = evidence(figure)[..., 3], evidence(before[name])[..., 3]
        kept = whole >= 235 * 0.5  # the alpha of a quarter of the strongest
        assert kept.sum() < kept.size / 2
        left.append(int(kept.sum()))
        np.testing.assert_array_equal(alpha, np.where(kept, whole, 0))
    assert max(left) > 0

    move(page, "opacity", 40, "change")
    expect(page).to_have_url(re.compile("opacity=40"))
    move(page, "threshold", 25, "change")
    expect(page).to_have_url(re.compile("threshold=25"))
    settle(page)
    page.reload()
    settle(page)
    assert figures(page) == faded
    move(page, "opacity", 80, "change")  # as it was
    expect(page).not_to_have_url(re.compile("opacity="))


@pytest.mark.slow
def test_a_link_with_an_impossible_opacity_says_so(server: str, page: Page) -> None:
    page.goto(f"{server}{MAPS}&opacity=loud")
    settle(page)
    expect(page.get_by_text("The link asks for opacity “loud”, which does not exist here")).to_be_visible()
    assert {figure["images"][1]["opacity"] for figure in figures(page).values()} == {0.8}
