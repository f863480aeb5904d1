from __future__ import annotations

import io

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from resnet_core.pictures.samples import SAMPLES, sample
from tests.support.browser import figures, settle


def picture(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "png")
    return buffer.getvalue()


def test_samples_then_own_photographs_with_a_broken_one_among_them(server: str, page: Page) -> None:
    page.goto(f"{server}/predictions")
    settle(page)
    expect(page.locator(".answers figure")).to_have_count(len(SAMPLES))
    files = [
        {"name": "cat.png", "mimeType": "image/png", "buffer": picture(sample("cat"))},
        {"name": "<b>grey.png", "mimeType": "image/png", "buffer": picture(np.full((64, 64, 3), 99, np.uint8))},
        {"name": "broken.png", "mimeType": "image/png", "buffer": b"not a picture"},
    ]
    page.get_by_role("button", name="Your own photographs…").click()
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(files)  # type: ignore[arg-type]
    expect(page.locator(".answers figure")).to_have_count(2)
    expect(page.get_by_text("broken.png: ")).to_be_visible()
    expect(page.get_by_text("a link to this page shows the samples")).to_be_visible()
    expect(page.locator(".answers figcaption").nth(1)).to_contain_text("<b>grey.png")
    settle(page)
    assert sum(len(trace["text"]) for trace in figures(page)["confidence"]["data"][1:]) == 2
