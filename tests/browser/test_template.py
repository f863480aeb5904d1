"""What does a hall see? The main exhibit whole, type that the back row can read, and Back that keeps the choices."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard import pages
from tests.support.browser import LAPTOP, settle, sideways

PROJECTOR = {"width": 1920, "height": 1080}
STORY = [page.key for page in pages.PAGES.values() if page.group != pages.RECORDS]
WHOLE = """() => [...document.querySelectorAll('.exhibit.main .plot')]
  .map(plot => plot.getBoundingClientRect()).filter(box => box.width && box.bottom > innerHeight + 1).map(box => box.bottom)"""
TEXTS = """() => [...document.querySelectorAll('[data-testid="stMain"] :is(h1, p, button, .message, .caption, text)')]
  .filter(e => e.textContent.trim() && e.getBoundingClientRect().width
    && e.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
  .map(e => [e.tagName, e.textContent.trim().slice(0, 40), parseFloat(getComputedStyle(e).fontSize)])"""


def address(key: str) -> str:
    return "" if key == pages.START else key


@pytest.mark.browser
@pytest.mark.parametrize(
    "key", [pages.START, *(pytest.param(key, marks=pytest.mark.slow) for key in STORY if key != pages.START)]
)
@pytest.mark.parametrize("size", [LAPTOP, pytest.param(PROJECTOR, marks=pytest.mark.slow)], ids=["laptop", "projector"])
def test_the_main_exhibit_is_seen_whole(server: str, page: Page, size: dict[str, int], key: str) -> None:
    page.set_viewport_size(size)
    page.goto(f"{server}/{address(key)}")
    settle(page)
    assert page.evaluate(WHOLE) == []
    assert page.title() == pages.PAGES[key].title


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("key", STORY)
def test_in_present_mode_the_back_row_can_read(server: str, browser: Browser, key: str) -> None:
    context = browser.new_context(viewport=PROJECTOR)
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"{server}/{address(key)}?present=1")
    settle(page)
    texts = page.evaluate(TEXTS)
    assert [each for each in texts if each[2] < (17.9 if each[0] == "text" else 23.9)] == []
    assert sideways(page) <= 0
    context.close()


@pytest.mark.browser
@pytest.mark.slow
def test_back_brings_the_choices_back(server: str, page: Page) -> None:
    page.goto(f"{server}/degradation?study=figure6-x0.025&error=test")
    settle(page)
    page.get_by_role("link", name="Next:").click()
    expect(page).to_have_url(re.compile("train_live"))
    settle(page)
    page.go_back()
    expect(page).to_have_url(re.compile("study=figure6-x0.025"))
    settle(page)
    assert "error=test" in page.url


@pytest.mark.browser
@pytest.mark.slow
def test_a_wrong_address_has_a_page_of_its_own(server: str, page: Page) -> None:
    page.goto(f"{server}/degredation")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    expect(page.get_by_role("link", name="Degradation: ")).to_be_visible()


@pytest.mark.browser
@pytest.mark.slow
def test_an_old_link_to_compare_at_the_root_leads_to_compare(server: str, page: Page) -> None:
    page.goto(f"{server}/?sample=cat&block=conv4_2")
    expect(page).to_have_url(re.compile("/compare.*sample=cat"))
