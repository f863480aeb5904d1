from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import figures, reloaded, settle


def test_without_batch_norm_the_plain_gradient_shrinks_and_the_link_holds_it(server: str, page: Page) -> None:
    page.goto(f"{server}/gradient_flow?layers=110")
    settle(page)
    assert {"gradient-norm-of-batch", "correlation", "evolution"} == set(figures(page))
    expect(page.get_by_text(re.compile("plain network.*grows on its way back"))).to_be_visible()
    page.get_by_text("Batch norm", exact=True).click()
    expect(page.get_by_text(re.compile("plain network.*shrinks on its way back"))).to_be_visible()
    expect(page).to_have_url(re.compile("bn=false"))
    settle(page)
    reloaded(page)


@pytest.mark.slow
def test_trained_networks_and_photographs(server: str, page: Page) -> None:
    page.goto(f"{server}/gradient_flow?networks=34-tiny&images=cat&depth=20&study=gradients")
    settle(page)
    expect(page.get_by_text("The link asks for depth “20”, which does not exist here")).to_be_visible()
    expect(page.locator(".st-key-gradient-norm-of-batch .words")).to_contain_text("plain-34 and ResNet-34")
    assert len(figures(page)["gradient-norm-of-batch"]["data"]) == 2
    page.get_by_role("link", name="Our measurement: Shattered gradients").click()
    expect(page.get_by_role("heading", name=re.compile("How alike are the gradients"))).to_be_visible()


@pytest.mark.slow
def test_1202_layers_are_asked_for(server: str, page: Page) -> None:
    page.goto(f"{server}/gradient_flow?layers=1202")
    settle(page)
    expect(page.get_by_role("button", name=re.compile(r"Compute: about \d+ s"))).to_be_visible()
    assert set(figures(page)) == {"gradient-norm-recorded", "evolution"}
