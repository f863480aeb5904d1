"""Can a person predict by mouse, finger and keys, and is the truth nowhere in the page before?"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from resnet_core import runs
from resnet_core.assets import STUDIES
from tests.support.browser import settle

ASKED = "degradation?study=race&ask=true"
HEIGHTS = (
    """() => [...document.querySelectorAll('.ask svg .handle')].map(handle => Number(handle.getAttribute('aria-valuenow')))"""
)


def errors_of_plain56() -> list[float]:
    """What the page must not tell: the mean errors on training batches, in percent."""
    table = runs.load(STUDIES / "race")
    table = table[(table.network == "plain56-cifar") & (table.metric == "error_percent") & (table.split == "train_batches")]
    return [float(value) for value in table.groupby("step").value.mean()]


def asked(server: str, page: Page) -> None:
    page.goto(f"{server}/{ASKED}")
    expect(page.locator(".ask .question")).to_contain_text("plain-56")
    expect(page.locator(".ask .reveal")).to_be_disabled()


def reveal(page: Page) -> str:
    page.locator(".ask .reveal").click()
    expect(page.locator(".answer")).to_contain_text("You expected")
    settle(page)
    return page.locator(".answer").inner_text()


def test_a_curve_is_drawn_by_the_mouse_and_compared_with_what_was_measured(server: str, page: Page) -> None:
    told: list[str] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: told.append(str(frame))))
    page.on("response", lambda response: told.append(response.text()) if "exhibits" in response.url else None)
    asked(server, page)
    for error in errors_of_plain56()[5:]:
        assert not any(f"{error:.3f}" in message for message in told), "The truth travels before it is asked for."
    box = page.locator(".ask svg").bounding_box()
    assert box
    page.mouse.move(box["x"] + 90, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 40, box["y"] + box["height"] - 120, steps=4)
    page.mouse.up()
    heights = page.evaluate(HEIGHTS)
    assert heights == sorted(heights, reverse=True)
    assert len(set(heights)) == len(heights)  # a fast stroke left no position out
    words = reveal(page)
    expected = float(re.findall(r"expected ([\d.]+)\s%", words)[0])
    assert expected == pytest.approx(heights[-1], rel=0.01)
    assert float(re.findall(r"measured: ([\d.]+)\s%", words)[0]) == pytest.approx(errors_of_plain56()[-1], rel=0.01)
    page.get_by_role("button", name="Predict again").click()
    expect(page.locator(".ask .reveal")).to_be_disabled()


@pytest.mark.slow
def test_the_arrow_keys_draw_it_too(server: str, page: Page) -> None:
    asked(server, page)
    page.locator(".ask svg .handle").first.focus()
    page.keyboard.press("ArrowUp")
    before = page.evaluate(HEIGHTS)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageDown")
    after = page.evaluate(HEIGHTS)
    assert [a != b for a, b in zip(before, after, strict=True)] == [False, True, *[False] * (len(after) - 2)]
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".answer")).to_contain_text("You expected")


@pytest.mark.slow
def test_a_finger_draws_it_too(server: str, browser: Browser) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        asked(server, page)
        svg = page.locator(".ask svg")
        svg.scroll_into_view_if_needed()
        box = svg.bounding_box()
        assert box
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + 60)
        assert max(page.evaluate(HEIGHTS)) > 60
        assert "You expected" in reveal(page)
