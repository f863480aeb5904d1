"""Are the pixels of a picture those that a browser shows? Judged by Chromium, over the corners of every format."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser, Page

from resnet_core.errors import InputError
from resnet_core.pictures.decode import Picture, decode
from tests.support.picture_corners import CORNERS
from tests.support.picture_corpus import FAMILIES
from tests.support.pictures import assert_sentence

# null where the browser does not decode the whole picture
PIXELS = """async data => {
  const blob = new Blob([Uint8Array.from(atob(data), letter => letter.charCodeAt(0))])
  const image = new Image()
  image.src = URL.createObjectURL(blob)
  try { await image.decode(); await createImageBitmap(blob) } catch { return null }
  const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight)
  const context = canvas.getContext('2d')
  context.fillStyle = 'white'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.drawImage(image, 0, 0)
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data
  let text = ''
  for (let i = 0; i < pixels.length; i += 32768) text += String.fromCharCode(...pixels.subarray(i, i + 32768))
  return [canvas.height, canvas.width, btoa(text)]
}"""
OTHERWISE = {
    "png-colours/cicp-pq": "high dynamic range is not mapped to sRGB; a note says so",
    "png-colours/cicp-hlg": "high dynamic range is not mapped to sRGB; a note says so",
    "jpeg-kinds/cmyk-profile": "Chromium's black is lighter than the profile's",
    "gif/no-palette": "Chromium shows black, Pillow a grey ramp",
}
EVERY = FAMILIES | CORNERS
QUICK = ("png-keyed", "apng", "jpeg-kinds", "gif", "animations", "bmp-headers")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def shown(page: Page, data: bytes) -> Picture | None:
    found = page.evaluate(PIXELS, base64.b64encode(data).decode())
    if found is None:
        return None
    height, width, pixels = found
    return np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(height, width, 4)[..., :3]


@pytest.mark.parametrize("family", [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in EVERY])
def test_every_file_that_chromium_shows_has_its_pixels(page: Page, family: str) -> None:
    wrong, compared = {}, 0
    for name, data in EVERY[family]().items():
        expected = shown(page, data)
        try:
            found: Picture | str = decode(data)
        except InputError as error:
            assert_sentence(str(error))
            found = str(error)
        if expected is None or f"{family}/{name}" in OTHERWISE:
            continue
        compared += 1
        if isinstance(found, str) or found.shape != expected.shape:
            wrong[name] = found if isinstance(found, str) else f"{found.shape}, not {expected.shape}"
            continue
        difference = np.abs(found.astype(int) - expected.astype(int)).max()
        if difference > (8 if "table" in name else 3):  # tables are interpolated in another way
            wrong[name] = f"{difference} levels"
    assert not wrong
    assert compared >= 10
