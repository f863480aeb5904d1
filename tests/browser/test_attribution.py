from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.looking import figures, overlapping_labels, settle, sideways


def test_methods_are_drawn_for_both_networks_and_are_in_the_link(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?sample=cat")
    settle(page)
    assert set(figures(page)) == {
        f"{method}-{name}34-tiny" for method in ("grad-cam", "guided-grad-cam", "smoothgrad") for name in ("plain", "resnet")
    }
    page.get_by_role("button", name="SmoothGrad", exact=True).click()
    page.get_by_role("button", name="Gradient × input", exact=True).click()
    settle(page)
    expect(page).to_have_url(re.compile("methods=Gradient"))
    before = figures(page)
    assert {name for name in before if name.endswith("resnet34-tiny")} == {
        f"{method}-resnet34-tiny" for method in ("grad-cam", "guided-grad-cam", "gradient-x-input")
    }
    page.reload()
    settle(page)
    assert figures(page) == before
    assert sideways(page) <= 0
    assert overlapping_labels(page) == []


def test_what_takes_long_is_asked_for_stopped_and_done(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?sample=cat")
    settle(page)
    page.get_by_role("button", name="Integrated gradients", exact=True).click()
    compute = page.get_by_role("button", name=re.compile(r"Compute: about \d+ s"))
    expect(compute).to_be_visible()
    compute.click()
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    expect(compute).to_be_visible()  # nothing was kept of it
    settle(page)
    assert "integrated-gradients-plain34-tiny" not in figures(page)
    compute.click()
    expect(page.locator(".st-key-integrated-gradients-resnet34-tiny .main-svg").first).to_be_visible(timeout=180_000)
    settle(page)
    assert len(figures(page)["integrated-gradients-resnet34-tiny"]["images"]) == 2
    expect(compute).to_have_count(0)


def test_a_class_can_be_chosen(server: str, page: Page) -> None:
    page.goto(f"{server}/attribution?sample=cat&target=tabby&methods=grad-cam")
    settle(page)
    expect(page.get_by_text("evidence for tabby")).to_be_visible()
