from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import figures, reloaded, settle

NAMES = ("plain-34", "ResNet-34")


def click_map(page: Page, grid: str, column: int, row: int) -> None:
    """In cells of 16 to a row."""
    box = page.locator(f".st-key-{grid} .nsewdrag").bounding_box()
    assert box
    cell = box["width"] / 16
    page.mouse.click(box["x"] + (column + 0.5) * cell, box["y"] + (row + 0.5) * cell)


def test_a_click_on_a_map_shows_its_channel_in_both_networks_and_the_link_holds_it(server: str, page: Page) -> None:
    page.goto(f"{server}/feature_maps?sample=cat&sort=index")
    settle(page)
    assert set(figures(page)) == {f"{kind}-{name}" for kind in ("grid", "equation", "channel") for name in NAMES}
    click_map(page, "grid-ResNet-34", column=3, row=2)
    expect(page).to_have_url(re.compile("channel=35"))
    settle(page)
    drawn = reloaded(page)
    for name in NAMES:
        assert drawn[f"channel-{name}"]["annotations"][0]["text"] == "channel 35"
        frame = drawn[f"grid-{name}"]["shapes"][0]
        assert (frame["x0"], frame["y0"]) == (3, -2)


@pytest.mark.slow
def test_the_sum_exists_in_the_residual_network_only(server: str, page: Page) -> None:
    page.goto(f"{server}/feature_maps?sample=cat&block=conv3_2&place=sum")
    settle(page)
    expect(page.get_by_text(re.compile("Block conv.* of plain-34 has no F.x. . shortcut"))).to_be_visible()
    texts = [note["text"] for note in figures(page)["equation-ResNet-34"]["annotations"]]
    assert "F(x) + x" in texts
    assert "no shortcut" in [note["text"] for note in figures(page)["equation-plain-34"]["annotations"]]


@pytest.mark.slow
def test_a_channel_that_a_place_does_not_have_is_said(server: str, page: Page) -> None:
    page.goto(f"{server}/feature_maps?sample=cat&block=conv4_1&place=x&channel=100&sort=swirl")
    settle(page)
    expect(page.get_by_text("has no channel 100 there: it has 64.")).to_have_count(2)
    expect(page.get_by_text("The link asks for sort “swirl”")).to_be_visible()
