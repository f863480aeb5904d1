"""Does a click on a block say what happens without it, however small its bars are?"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import settle

ABOVE_BLOCK = """name => {
  const plot = document.querySelector('.st-key-lesion-one .plot')
  const { xaxis, yaxis } = plot._fullLayout
  const box = plot.getBoundingClientRect()
  return [box.x + xaxis._offset + xaxis.c2p(xaxis._categories.indexOf(name)), box.y + yaxis._offset + yaxis._length / 2]
}"""


@pytest.mark.browser
@pytest.mark.slow
def test_a_click_in_the_column_of_a_block_removes_it_and_the_link_holds_it(server: str, page: Page) -> None:
    page.goto(f"{server}/lesion")
    settle(page)
    for block in ("conv3_8", "conv2_7"):
        page.mouse.click(*page.evaluate(ABOVE_BLOCK, block))
        expect(page.locator(".answer")).to_contain_text(f"Without {block}, ResNet-56 errs on")
        settle(page)
        expect(page).to_have_url(re.compile(f"missing={block}"))
