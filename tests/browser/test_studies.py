"""Do the pages of recorded runs show what was recorded, and does a link bring back what was chosen?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from resnet_core import runs
from tests.support.browser import figures, overlapping_labels, reloaded, settle, sideways

STUDY = Path(__file__).parents[2] / "assets/studies/figure6-x0.025"


@pytest.mark.slow
def test_degradation_is_drawn_from_the_shipped_runs(server: str, page: Page) -> None:
    page.goto(f"{server}/degradation?study={STUDY.name}")
    settle(page)
    drawn = figures(page)
    table = runs.load(STUDY)
    ends = table[(table.metric == "error_percent") & (table.split == "test") & (table.step == table.iterations)]
    for residual, kind in ((False, "plain"), (True, "residual")):
        labels = " ".join(note["text"] for note in drawn[f"degradation-{kind}"]["annotations"])
        for layers, part in ends[ends.residual == residual].groupby("layers"):
            assert f"-{layers} <b>{part.value.mean():.1f}</b>" in labels
    expect(page.get_by_text("has not learnt them too well")).to_be_visible()
    expect(page.get_by_text("far from converged").first).to_be_visible()


@pytest.mark.slow
def test_a_link_opens_the_study_that_it_names(server: str, page: Page) -> None:
    page.goto(f"{server}/degradation?study=figure4-x0.5")
    settle(page)
    labels = " ".join(note["text"] for note in figures(page)["degradation-plain"]["annotations"])
    assert "plain-34" in labels
    expect(page.get_by_role("combobox", name="Training")).to_have_value(re.compile("Depth on Tiny-ImageNet"))
    assert sideways(page) <= 0
    assert overlapping_labels(page) == []


def test_what_was_chosen_is_in_the_link(server: str, page: Page) -> None:
    page.goto(f"{server}/degradation?study={STUDY.name}")
    settle(page)
    expect(page.get_by_text(re.compile(r"Training longer: .*ResNet-56 is .* points"))).to_be_visible()
    page.get_by_role("button", name="20", exact=True).click()
    page.get_by_role("button", name="More").first.click()
    page.get_by_role("radio", name="training").click()
    page.get_by_role("radio", name="minutes").click()
    settle(page)
    expect(page).to_have_url(re.compile("error=training"))
    expect(page).to_have_url(re.compile("over=minutes"))
    chosen = figures(page)
    names = {trace["name"] for trace in chosen["degradation-plain"]["data"] if trace.get("fill") is None}
    assert names == {"plain-56, training"}
    assert {trace["name"] for trace in chosen["degradation-schedules"]["data"]} == {"plain-56, training", "ResNet-56, training"}
    reloaded(page)
    expect(page.get_by_text("has not learnt them too well")).to_have_count(0)  # one depth answers nothing
    page.get_by_role("button", name="56", exact=True).click()
    expect(page.get_by_text("Choose a number of layers.")).to_be_visible()


@pytest.mark.slow
def test_a_run_is_opened_with_all_that_made_it(server: str, page: Page) -> None:
    run = f"{STUDY.name}/resnet20-cifar-seed0"
    page.goto(f"{server}/studies?run={run.replace('/', '%2F')}")
    settle(page)
    facts = runs.read_facts(STUDY / "resnet20-cifar-seed0")
    for said in (facts["commit"], "bfloat16 autocast", "re-encoded as JPEG"):
        expect(page.get_by_test_id("stDataFrame").get_by_text(said).first).to_be_attached()
    drawn = figures(page)
    assert set(drawn) == {"run-errors", "run-gradient_norm", "run-response_sd"}
    assert len(drawn["run-gradient_norm"]["data"][0]["x"]) == 9


@pytest.mark.slow
@pytest.mark.parametrize(("measurement", "count"), [("depth", 2), ("shattering", 2)])
def test_a_measurement_is_drawn_with_its_question(server: str, page: Page, measurement: str, count: int) -> None:
    page.goto(f"{server}/studies?show=measurements&measurement={measurement}")
    settle(page)
    assert len(figures(page)) == count
    expect(page.get_by_role("heading", level=3)).to_have_text(re.compile(r"\?$"))


@pytest.mark.slow
def test_an_unknown_study_is_named(server: str, page: Page) -> None:
    page.goto(f"{server}/degradation?study=figure9")
    settle(page)
    expect(page.get_by_text("The link asks for study “figure9”, which does not exist here")).to_be_visible()
