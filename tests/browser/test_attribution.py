from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import figures, fits, overlapping_labels, reloaded, settle, sideways


def test_methods_are_drawn_for_both_networks_and_are_in_the_link(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?sample=cat")
    settle(page)
    assert set(figures(page)) == {
        f"{method}-{name}" for method in ("grad-cam", "guided-grad-cam", "smoothgrad") for name in ("plain-34", "ResNet-34")
    }
    page.get_by_role("button", name="SmoothGrad", exact=True).click()
    page.get_by_role("button", name="Gradient × input", exact=True).click()
    settle(page)
    expect(page).to_have_url(re.compile("methods=gradient-x-input"))
    before = figures(page)
    assert {name for name in before if name.endswith("ResNet-34")} == {
        f"{method}-ResNet-34" for method in ("grad-cam", "guided-grad-cam", "gradient-x-input")
    }
    page.reload()
    settle(page)
    assert figures(page) == before
    assert sideways(page) <= 0
    assert overlapping_labels(page) == []


@pytest.mark.slow
def test_what_takes_long_is_asked_for_stopped_and_done(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?sample=cat")
    settle(page)
    page.get_by_role("button", name="Integrated gradients", exact=True).click()
    compute = page.locator(".st-key-compute-integrated-gradients button")
    expect(compute).to_have_text(re.compile(r"Compute: about \d+ s"))
    compute.click()
    page.locator(".st-key-stop-integrated-gradients button").click()
    expect(compute).to_be_visible()  # nothing was kept of it
    settle(page)
    assert "integrated-gradients-plain-34" not in figures(page)
    compute.click()
    expect(page.locator(".st-key-integrated-gradients-ResNet-34 .main-svg").first).to_be_visible(timeout=180_000)
    settle(page)
    assert len(figures(page)["integrated-gradients-ResNet-34"]["images"]) == 2
    expect(compute).to_have_count(0)


@pytest.mark.slow
def test_a_class_can_be_chosen(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?sample=cat&target=tabby&methods=grad-cam")
    settle(page)
    expect(page.get_by_text("evidence for tabby lies on")).to_be_visible()


@pytest.mark.slow
def test_two_classes_can_be_contrasted(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?sample=cat&target=tabby&methods=gradient-x-input")
    settle(page)
    alone = figures(page)
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("combobox", name="Rather than").click()
    page.keyboard.type("goldfish")
    page.get_by_role("option", name="goldfish", exact=True).click()
    expect(page.get_by_text("evidence for tabby rather than goldfish lies on")).to_be_visible()
    expect(page).to_have_url(re.compile("against=goldfish"))
    settle(page)
    contrast = figures(page)
    assert set(contrast) == set(alone)
    assert all(contrast[name]["images"][1] != alone[name]["images"][1] for name in alone)
    page.reload()
    settle(page)
    assert figures(page) == contrast
    page.goto(f"{server}/attribution?sample=cat&target=tabby&methods=gradient-x-input&against=tabby")
    expect(page.get_by_text("tabby cannot be contrasted with itself")).to_be_visible()
    settle(page)
    assert figures(page) == alone


TESTED = "/attribution?sample=cat&methods=grad-cam&methods=guided-backprop"
COMPUTE = ".st-key-compute-trust button"


def compute_trust(page: Page) -> None:
    page.locator(COMPUTE).click()
    expect(page.locator("[class*=st-key-deletion-insertion] .main-svg").first).to_be_visible(timeout=180_000)
    settle(page)


@pytest.mark.slow
def test_pictures_are_tested_when_asked_and_the_link_says_which_network(server: str, page: Page) -> None:
    page.goto(f"{server}{TESTED}")
    settle(page)
    assert not any("cascade" in name for name in figures(page))
    page.get_by_role("radio", name="plain", exact=True).click()
    expect(page).to_have_url(re.compile("trust=plain"))
    expect(page.locator(COMPUTE)).to_have_text(re.compile(r"Compute: about \d+ s"))
    page.locator(COMPUTE).click()
    page.locator(".st-key-stop-trust button").click()
    expect(page.locator(COMPUTE)).to_be_visible()
    settle(page)
    assert not any("cascade" in name for name in figures(page))
    compute_trust(page)
    drawn = figures(page)
    assert [line["name"] for line in drawn["cascade-plain-34"]["data"]] == ["Grad-CAM", "Guided backprop"]
    assert len(drawn["cascade-plain-34"]["data"][0]["x"]) == 19
    assert len(drawn["deletion-insertion-plain-34"]["data"]) == 2 * (2 + 5)  # both methods, and random orders
    page.get_by_role("button", name="More").last.click()  # of the section, not of the page
    page.get_by_role("radio", name="signed").click()
    expect(page).to_have_url(re.compile("ranks=signed"))
    settle(page)
    signed = figures(page)
    assert signed["cascade-plain-34"] != drawn["cascade-plain-34"]
    assert reloaded(page) == signed  # what is known is drawn without being asked for again


@pytest.mark.slow
def test_nothing_sticks_out_and_no_label_covers_another(server: str, browser: Browser, page: Page) -> None:
    page.goto(f"{server}{TESTED}")
    settle(page)
    if page.locator(COMPUTE).count():
        compute_trust(page)
    assert "deletion-insertion-ResNet-34" in figures(page)
    fits(browser, f"{server}{TESTED}")  # what is known is drawn
