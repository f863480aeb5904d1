from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit
from zipfile import ZipFile

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import figures, fits, settle

ERRORS = "race-errors"


POINTS = f"""() => (document.querySelector('.st-key-{ERRORS} .plot')?._fullData ?? []).map(t => t._length ?? 0)"""


def start(page: Page, server: str, query: str = "") -> None:
    page.goto(f"{server}/train_live{query}")
    page.get_by_role("button", name="New race…").click()
    page.locator(".st-key-start-race button").click()
    expect(page).to_have_url(re.compile("race="))
    page.wait_for_function(f"() => ({POINTS})().every(count => count < 70)")  # the recorded race, shown before, is gone


def stop(page: Page) -> None:
    """The page's own button: while a script runs for long, Streamlit has one of that name too."""
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()


def points(page: Page) -> list[int]:
    """How many points each line of errors has."""
    return page.evaluate(POINTS)


def wait_for_points(page: Page, count: int) -> None:
    page.wait_for_function(
        f"count => {{ const counts = ({POINTS})(); return counts.length === 2 && counts.every(each => each >= count) }}",
        arg=count,
    )


@pytest.mark.slow
def test_a_race_is_started_paused_stepped_found_again_and_replayed(server: str, page: Page) -> None:
    start(page, server, "?depth=20&width=4")
    wait_for_points(page, 3)
    page.get_by_role("button", name="Pause").click()
    paused = page.get_by_text(re.compile(r"Iteration \d+ of 350, paused"))
    expect(paused).to_be_visible()
    page.wait_for_timeout(1500)
    first = paused.inner_text()
    page.wait_for_timeout(1000)
    assert paused.inner_text() == first

    page.get_by_role("button", name="10 steps").click()
    expect(paused).not_to_have_text(first)
    page.reload()
    settle_live(page)
    expect(paused).to_be_visible()
    wait_for_points(page, 3)

    page.get_by_role("button", name="Resume").click()
    slider = page.get_by_role("slider")
    expect(slider).to_be_visible(timeout=120_000)
    settle(page)
    assert points(page) == [70, 70]
    drawn = figures(page)
    residual = drawn["race-gradient_norm"]["data"][1]
    assert residual["x"][0] == "conv2_1"
    assert len(residual["x"]) == 9

    slider.focus()
    page.keyboard.press("Home")
    expect(page).to_have_url(re.compile("upto=5"))
    settle(page)
    assert points(page) == [1, 1]
    page.reload()
    settle(page)
    assert points(page) == [1, 1]


def settle_live(page: Page) -> None:
    expect(page.locator(f".st-key-{ERRORS} .main-svg").first).to_be_visible()


def test_a_race_is_started_stopped_downloaded_and_goes_on(server: str, page: Page) -> None:
    start(page, server, "?depth=20&width=4&seed=1")
    wait_for_points(page, 2)
    earlier = parse_qs(urlsplit(page.url).query)["race"][0]
    stop(page)
    go_on = page.get_by_role("button", name="Resume")
    expect(go_on).to_be_visible()
    settle(page)
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == f"{earlier}.zip"
    with ZipFile(waiting.value.path()) as archive:
        kept = {f"{earlier}/{which}/{name}" for which in ("plain", "residual") for name in ("run.json", "state.safetensors")}
        assert kept <= set(archive.namelist())
    stopped = points(page)[0]
    go_on.click()
    wait_for_points(page, stopped + 2)
    stop(page)
    expect(go_on).to_be_visible()


@pytest.mark.slow
def test_an_earlier_race_can_be_pinned_beside_another(server: str, page: Page) -> None:
    for seed in (3, 4):
        start(page, server, f"?depth=20&width=4&seed={seed}")
        wait_for_points(page, 2)
        stop(page)
        expect(page.get_by_role("button", name="Resume")).to_be_visible()
    page.get_by_role("button", name="More").click()
    page.get_by_role("combobox", name="Pinned beside it").click()
    page.get_by_role("option", name=re.compile("seed 3$")).first.click()
    page.keyboard.press("Escape")
    expect(page.get_by_text("plain (pinned)")).to_be_visible()
    settle(page)
    assert len(points(page)) == 4


@pytest.mark.slow
def test_a_link_to_an_unknown_race_says_so(server: str, page: Page) -> None:
    page.goto(f"{server}/train_live?race=never")
    expect(page.get_by_text("The link asks for race “never”, which does not exist here")).to_be_visible()


@pytest.mark.slow
def test_nothing_sticks_out_and_no_label_covers_another(server: str, browser: Browser) -> None:
    fits(browser, f"{server}/train_live")  # the latest race of the tests above
