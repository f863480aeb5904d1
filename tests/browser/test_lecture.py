"""Does a lecture run by its keys, does the presenter's window follow, and does a hand-out work without any network?"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from dashboard.lecture import tours
from tests.support.browser import settle

ROOT = Path(__file__).parents[2]
LONG = "why-residual-45"
DRAWN = "() => [...document.querySelectorAll('.plot')].every(plot => plot.onScreen)"


def at_step(page: Page, number: int, of: int) -> None:
    expect(page.get_by_text(f"{number} / {of}", exact=True)).to_be_visible()


@pytest.mark.slow
def test_the_long_tour_runs_by_keys_alone_and_the_presenters_window_follows(page: Page, server: str) -> None:
    steps = tours.shipped()[LONG].steps
    page.goto(f"{server}/lecture?tour={LONG}&step=1")
    at_step(page, 1, len(steps))
    notes_button = page.get_by_role("button", name="Notes")
    notes_button.focus()
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")
    notes = opened.value
    keys = ("PageDown", "ArrowRight", "PageDown")
    page.bring_to_front()
    page.evaluate("() => document.activeElement.blur()")
    number = 1
    while number < len(steps):
        step = steps[number - 1]
        if step.question:
            page.keyboard.press(keys[number % 3])
            expect(page.get_by_text(step.reveal)).to_be_visible()
        page.keyboard.press(keys[number % 3])
        number += 1
        at_step(page, number, len(steps))
        said = parse_qs(urlsplit(page.url).query)
        assert (said["tour"], said["step"]) == ([LONG], [str(number)])
        expect(notes.locator("#title")).to_have_text(f"{number}. {steps[number - 1].title}")
        expect(notes.locator("#notes")).to_have_text(re.compile(re.escape(steps[number - 1].notes[:40])))
        if steps[number - 1].look_at and steps[number - 1].page != "train_live":
            expect(page.locator(f".st-key-{steps[number - 1].look_at}")).to_be_in_viewport()
    settle(page)
    page.keyboard.press("PageUp")
    at_step(page, len(steps) - 1, len(steps))


@pytest.mark.slow
def test_back_brings_the_step_before_with_the_choice_that_was_made_on_it(page: Page, server: str) -> None:
    page.goto(f"{server}/architectures?tour=why-residual&step=2&network=resnet34")
    at_step(page, 2, 6)
    settle(page)
    page.get_by_role("combobox", name="Network").click()
    page.keyboard.type("ResNet-152")
    page.get_by_role("option", name="ResNet-152", exact=True).click()
    page.wait_for_url("**network=resnet152**")
    settle(page)
    page.keyboard.press("PageDown")
    at_step(page, 3, 6)
    settle(page)
    page.keyboard.press("ArrowLeft")
    at_step(page, 2, 6)
    page.wait_for_url("**network=resnet152**")


@pytest.fixture(scope="module")
def hand_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("hand-out") / "lecture.html"
    command = [sys.executable, "-m", "dashboard.cli", "handout", "why-residual", "--out", str(file)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=300)
    return file


@pytest.mark.slow
def test_a_hand_out_from_a_file_responds_and_asks_for_nothing(browser: Browser, hand_out: Path) -> None:
    assert hand_out.stat().st_size <= 5_000_000
    context = browser.new_context(offline=True)
    page = context.new_page()
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.route("http*://**", lambda route: route.abort())
    page.goto(hand_out.as_uri())
    page.wait_for_function(DRAWN)
    page.locator(".plot").first.scroll_into_view_if_needed()
    x, y = page.evaluate(
        """() => {
          const plot = document.querySelector('.plot'), { xaxis, yaxis } = plot._fullLayout, line = plot._fullData[0]
          const box = plot.getBoundingClientRect(), middle = Math.floor(line.x.length / 2)
          return [box.x + xaxis._offset + xaxis.l2p(line.x[middle]), box.y + yaxis._offset + yaxis.l2p(line.y[middle])]
        }"""
    )
    page.mouse.move(x - 3, y)
    page.mouse.move(x, y)
    expect(page.locator(".plot").first.locator(".hoverlayer text").first).to_be_visible()
    context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.slow
def test_a_hand_out_prints_on_a4_with_every_figure_inside_the_margins(browser: Browser, hand_out: Path, tmp_path: Path) -> None:
    page = browser.new_context(offline=True).new_page()
    page.goto(hand_out.as_uri())
    page.wait_for_function(DRAWN)
    page.pdf(path=tmp_path / "lecture.pdf", prefer_css_page_size=True, print_background=True)
    printed = (tmp_path / "lecture.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", printed)
    assert boxes
    assert {(round(float(width)), round(float(height))) for width, height in boxes} == {(595, 842)}
    page.set_viewport_size({"width": 688, "height": 1000})  # A4 without its margins, in CSS pixels
    page.emulate_media(media="print")
    page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    wide = page.evaluate(
        """() => [...document.querySelectorAll('.plot .main-svg, table, img, pre, p')]
            .map(shown => shown.getBoundingClientRect().right).filter(right => right > 690)"""
    )
    assert wide == []
    page.context.close()
