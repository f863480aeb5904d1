"""Do both surfaces turn together, by the mouse and by the keyboard?"""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import settle

CAMERAS = """() => ['plain', 'residual'].map(kind => {
  const plot = document.querySelector(`.st-key-landscape-${kind} .plot`)
  const { x, y, z } = plot._fullLayout.scene._scene.getCamera().eye
  return [x, y, z]
})"""


def cameras(page: Page) -> list[list[float]]:
    """Where the cameras of the plain and of the residual surface stand, as they are drawn."""
    found: list[list[float]] = page.evaluate(CAMERAS)
    return found


def near(one: list[list[float]], other: list[list[float]]) -> bool:
    return np.allclose(one, other, atol=1e-3)


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("turned", ["plain", "residual"])
def test_turning_one_surface_turns_the_other(server: str, page: Page, turned: str) -> None:
    page.goto(f"{server}/landscape")
    settle(page)
    before = cameras(page)
    assert near(before[:1], before[1:])
    box = page.locator(f".st-key-landscape-{turned} .plot").bounding_box()
    assert box
    middle = box["x"] + 0.4 * box["width"], box["y"] + 0.5 * box["height"]
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 120, middle[1] + 20, steps=6)
    page.mouse.up()
    page.wait_for_function(
        f"before => {{ const [a, b] = ({CAMERAS})(); const off = (c, d) => Math.max(...c.map((v, i) => Math.abs(v - d[i])))\n"
        "return off(a, before[0]) > 0.05 && off(a, b) < 1e-3 }",
        arg=before,
    )


@pytest.mark.browser
@pytest.mark.slow
def test_the_keyboard_turns_both_and_the_link_holds_it(server: str, page: Page) -> None:
    page.goto(f"{server}/landscape")
    settle(page)
    before = cameras(page)
    page.get_by_role("slider", name="Turn both").press("ArrowRight")
    page.wait_for_function(
        f"before => {{ const [a, b] = ({CAMERAS})(); return a[0] < before[0][0] - .05 && Math.abs(a[0] - b[0]) < 1e-3 }}",
        arg=before,
    )
    expect(page).to_have_url(f"{server}/landscape?turn=60")
    turned = cameras(page)
    page.reload()
    settle(page)
    assert near(cameras(page), turned)
