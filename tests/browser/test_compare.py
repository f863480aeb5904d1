from __future__ import annotations

import io
import re
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from resnet_core.pictures.samples import sample
from tests.support.browser import choose, figures, settle, sideways

STAYS = "Your photograph stays in this session"
UPLOAD = '[data-testid="stFileUploaderDropzoneInput"]'
STRIP = "strip-ResNet-34"


def jpeg(pixels: np.ndarray, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, exif=exif)
    return buffer.getvalue()


def upload(page: Page, name: str, data: bytes) -> None:
    page.get_by_role("button", name="Your own…").click()
    page.locator(UPLOAD).set_input_files({"name": name, "mimeType": "application/octet-stream", "buffer": data})


def click_block(page: Page, label: str, chart: str = STRIP) -> None:
    cell = page.locator(f".st-key-{chart} .annotation-text", has_text=re.compile(f"^{label}$")).first
    cell.scroll_into_view_if_needed()
    box = cell.bounding_box()
    assert box
    page.mouse.click(box["x"] + 25, box["y"] + 45)


def test_a_first_visit_shows_an_answer_and_asks_nothing_of_the_network(server: str, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server}/compare")
    settle(page)
    expect(page.get_by_text(re.compile("They (dis)?agree"))).to_be_visible()
    drawn = figures(page)
    assert {len(drawn[strip]["data"][0]["x"]) for strip in ("strip-plain-34", STRIP)} == {16}
    assert {len(drawn[f"classes-{name}-34"]["data"][0]["y"]) for name in ("plain", "ResNet")} == {5}
    hosts = {urlsplit(url).netloc for url in asked} - {""}
    assert hosts == {urlsplit(server).netloc}


def test_a_click_on_a_block_opens_it_and_the_url_brings_it_all_back(server: str, page: Page) -> None:
    page.goto(f"{server}/compare")
    settle(page)
    click_block(page, "conv3_2")
    expect(page.get_by_text("conv3_2 of ResNet-34: ")).to_be_visible()
    choose(page, "Evidence for", "goldfish")
    expect(page.get_by_text("ResNet-34 gives goldfish")).to_be_visible()
    choose(page, "Photograph", "astronaut")
    settle(page)
    page.get_by_role("button", name="More").click()
    page.get_by_role("radio", name="own").click()
    expect(page.get_by_text("every map on its own scale").first).to_be_visible()
    settle(page)
    for part in ("block=conv3_2", "target=goldfish", "sample=astronaut", "scale=own"):
        assert part in page.url
    before = figures(page)
    page.reload()
    settle(page)
    assert figures(page) == before


@pytest.mark.slow
def test_a_rotated_phone_photograph_is_seen_upright(server: str, page: Page) -> None:
    upright = sample("astronaut")
    turned = np.rot90(upright, k=1)  # what a camera held on its side stores, with orientation 6: "turn clockwise to view"
    pictures = []
    for name, data in (("upright.jpg", jpeg(upright)), ("turned.jpg", jpeg(turned, orientation=6))):
        page.goto(f"{server}/compare")
        settle(page)
        upload(page, name, data)
        expect(page.get_by_text(STAYS)).to_be_visible()
        settle(page)
        shown = figures(page)
        pictures.append(shown["gradient-norm"]["data"])
    for first, second in zip(*pictures, strict=True):
        assert second["y"] == pytest.approx(first["y"], rel=0.15)  # equal but for JPEG's own rounding


def test_a_broken_upload_gets_one_sentence_and_the_next_good_one_works(server: str, page: Page) -> None:
    page.goto(f"{server}/compare")
    settle(page)
    upload(page, "notes.jpg", b"these are only words")
    expect(page.get_by_text("The file is not a JPEG, PNG, WebP, BMP or GIF picture")).to_be_visible()
    page.locator(UPLOAD).set_input_files({"name": "good.jpg", "mimeType": "image/jpeg", "buffer": jpeg(sample("coffee"))})
    expect(page.get_by_text(STAYS)).to_be_visible()
    expect(page.get_by_text("The file is not a JPEG")).to_have_count(0)


@pytest.mark.slow
def test_a_link_with_unknown_choices_says_so_and_shows_the_usual_ones(server: str, page: Page) -> None:
    page.goto(f"{server}/compare?sample=unicorn&block=conv9_9")
    settle(page)
    expect(page.get_by_text("The link asks for sample “unicorn”, which does not exist here")).to_be_visible()
    expect(page.get_by_text("The link asks for block “conv9_9”, which does not exist here")).to_be_visible()
    assert len(figures(page)[STRIP]["data"][0]["x"]) == 16


@pytest.mark.parametrize(
    ("label", "start"),
    [
        ("PNG", b"\x89PNG"),
        pytest.param("SVG", b"<svg", marks=pytest.mark.slow),
        pytest.param("CSV", b"block,name,stage", marks=pytest.mark.slow),
    ],
)
def test_every_figure_can_be_taken_away(server: str, page: Page, label: str, start: bytes) -> None:
    page.goto(f"{server}/compare")
    settle(page)
    page.locator(f".st-key-{STRIP} summary").click()
    with page.expect_download() as waiting:
        page.locator(f".st-key-{STRIP}").get_by_role("button", name=label).click()
    download = waiting.value
    assert download.suggested_filename == f"{STRIP}.{label.lower()}"
    assert download.path().read_bytes().startswith(start)


@pytest.mark.slow
def test_the_table_of_an_architecture_stands_beside_the_papers(server: str, page: Page) -> None:
    page.goto(f"{server}/architectures?network=resnet34")
    settle(page)
    expect(page.get_by_text("the paper counts 3.6 billion (Table 1)")).to_be_visible()
    expect(page.get_by_text("21.8 million parameters")).to_be_visible()  # torchvision counts 21,797,672
    page.get_by_role("radio", name="conv4_x").click()
    expect(page).to_have_url(re.compile("stage=conv4_x"))


def bring_a_rocket(page: Page) -> None:
    settle(page)
    upload(page, "own.jpg", jpeg(sample("rocket")))
    expect(page.get_by_text(STAYS)).to_be_visible()
    page.keyboard.press("Escape")


@pytest.mark.slow
def test_choosing_a_sample_leaves_the_own_photograph(server: str, page: Page) -> None:
    page.goto(f"{server}/compare")
    bring_a_rocket(page)
    choose(page, "Photograph", "cat")
    expect(page.locator(".exhibit .words").first).to_contain_text("Chelsea the cat")
    expect(page.get_by_text(STAYS)).to_have_count(0)


@pytest.mark.slow
def test_the_own_photograph_goes_along_to_other_pages_and_back(server: str, page: Page) -> None:
    page.goto(f"{server}/compare")
    bring_a_rocket(page)
    for name in ("Feature maps", "Attribution", "Compare"):
        page.get_by_role("button", name="Look inside").click()
        page.get_by_role("menuitem", name=name).click()
        expect(page.get_by_text(STAYS)).to_be_visible()
    settle(page)
    page.get_by_role("button", name="Your own…").click()
    page.get_by_role("button", name="Back to the sample").click()
    expect(page.get_by_text(STAYS)).to_have_count(0)
    page.get_by_role("link", name="Next: Feature maps").click()
    expect(page.locator(".st-key-grid-ResNet-34 .words")).to_contain_text("Coffee cup")
    settle(page)


@pytest.mark.slow
def test_the_difference_is_shown_where_it_is_asked_for(server: str, page: Page) -> None:
    page.goto(f"{server}/compare?sample=cat")
    settle(page)
    assert "strip-difference" not in figures(page)
    page.get_by_role("button", name="More").click()
    page.get_by_text("Difference", exact=True).click()
    expect(page.get_by_text("Residual minus plain: ")).to_be_visible()
    expect(page).to_have_url(re.compile("difference=true"))
    settle(page)
    assert len(figures(page)["strip-difference"]["data"][0]["customdata"]) == 16
    assert sideways(page) <= 0
