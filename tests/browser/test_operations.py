"""Does the page Operations answer at once, without the server, and does it notice a number that is wrong?"""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser import PHONE, settle, sideways

LARGEST = "block=conv2_1"  # of the bundled pair: 32 channels of 32 x 32
MOST_BYTES = 300_000
# Runs `act` many times, one in each frame, and answers the median time from it to the frame that shows it.
BUSY = """async ([act, times]) => {
  const inside = (e) => e.shadowRoot?.querySelector('.operations')
  const part = [...document.querySelectorAll('[class*=st-key-operations] *')].map(inside).find(Boolean)
    ?? document.querySelector('.operations')
  const run = new Function('part', 'i', act)
  const milliseconds = []
  for (let i = 0; i < times; i++) {
    const busy = await new Promise((done) => requestAnimationFrame(() => {
      let frame
      requestAnimationFrame(() => (frame = performance.now())) // before what `act` asks for
      const start = performance.now()
      run(part, i)
      const asked = performance.now() - start
      requestAnimationFrame(() => {
        part.getBoundingClientRect()
        done(asked + performance.now() - frame)
      })
    }))
    milliseconds.push(busy)
  }
  return milliseconds.sort((a, b) => a - b)[times >> 1]
}"""
HOVER = """
  const box = part.querySelectorAll('.lane .map')[8], { left, top, width, height } = box.getBoundingClientRect()
  const place = (from, size, prime) => from + (0.1 + (0.8 * ((i * 7) % prime)) / prime) * size
  const at = { clientX: place(left, width, 23), clientY: place(top, height, 19) }
  box.dispatchEvent(new PointerEvent('pointermove', { ...at, bubbles: true }))
"""
DRAG = """
  const cell = part.querySelectorAll('.edited input')[4], { left, top } = cell.getBoundingClientRect()
  const at = (y) => ({ clientX: left + 5, clientY: top + y, pointerId: 1, bubbles: true })
  cell.setPointerCapture = () => {}
  if (i === 0) cell.dispatchEvent(new PointerEvent('pointerdown', at(5)))
  cell.dispatchEvent(new PointerEvent('pointermove', at(10 + i)))
"""
SLIDE = """
  const slider = part.querySelector('input[name=alpha]')
  slider.value = (i % 20) / 10
  slider.dispatchEvent(new Event('input'))
"""


def opened(page: Page, address: str) -> list[str | bytes]:
    """Open the page; what the browser sends to the server from now on is in the list."""
    sent: list[str | bytes] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda payload: sent.append(payload)))
    page.goto(address)
    settle(page)
    expect(page.locator(".operations .waiting")).to_have_count(0)
    return sent


def test_every_step_of_both_networks_is_closed_by_the_networks_own_value(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv3_1&pixel=3-9")
    steps = page.get_by_role("slider", name="Step")
    steps.press("Home")
    closed = 0
    for _ in range(7):
        steps.press("ArrowRight")
        for line in page.locator(".operations .closing:visible").all():
            expect(line).to_have_text(re.compile("own value .* ✓$"))
            closed += 1
    assert closed == 13  # seven steps in the residual network; in the plain one there is no addition


@pytest.mark.slow
def test_two_networks_of_different_sizes_stand_beside_each_other(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?pair=any-two&left=resnet34-tiny&right=torchvision:resnet18&block=conv3_1&pixel=20-11")
    expect(page.locator(".operations .lane")).to_have_count(2)
    expect(page.locator(".operations .where")).to_have_text(re.compile("Row 20, column 11"))
    steps = page.get_by_role("slider", name="Step")
    for _ in range(6):
        for line in page.locator(".operations .closing:visible").all():
            expect(line).to_have_text(re.compile("own value .* ✓$"))
        steps.press("ArrowRight")


def test_a_kernel_cell_under_the_pointer_shows_the_pair_that_it_joins(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv3_2&pixel=4-2")
    page.locator(".operations .kernel span").nth(0).hover()
    expect(page.locator(".operations .gives").first).to_have_text(re.compile(r"the pixel under it: (\S+) × (\S+) = (\S+)"))
    expect(page.locator(".operations .detail").first.locator(".lit")).to_have_count(4)  # in three grids, and its channel


def test_a_broken_number_turns_the_mark(server: str, page: Page) -> None:
    broken = 0

    def break_one_weight(route: Route) -> None:
        nonlocal broken
        body = bytearray(route.fetch().body())
        length = int.from_bytes(body[:4], "little")
        arrays = json.loads(body[4 : 4 + length])["arrays"]
        if "weight1" in arrays:
            start = 4 + length + arrays["weight1"][0]
            weights = np.frombuffer(bytes(body[start : start + 4]), "<f4") + np.float32(0.5)
            body[start : start + 4] = weights.tobytes()
            broken += 1
        route.fulfill(body=bytes(body), content_type="application/octet-stream")

    page.route("**/blocks/*.bin", break_one_weight)
    opened(page, f"{server}/operations?block=conv2_2&pixel=20-9")
    assert broken == 2
    lines = page.locator(".operations .closing:visible")
    expect(lines.first).to_have_text(re.compile("≠ the network's own value .* ✗"))


def test_what_a_block_needs_travels_once_and_is_small(server: str, page: Page) -> None:
    sizes: dict[str, int] = {}

    def note(response: object) -> None:
        if "/blocks/" in response.url:  # type: ignore[attr-defined]
            sizes[response.url] = int(response.headers.get("content-length", 0))  # type: ignore[attr-defined]

    page.on("response", note)
    opened(page, f"{server}/operations?{LARGEST}")
    assert len(sizes) == 4  # maps and one channel, of two networks
    maps, channels = sorted(sizes.values())[2:], sorted(sizes.values())[:2]
    assert 0 < max(maps) + max(channels) <= MOST_BYTES, sizes
    before = dict(sizes)
    page.get_by_role("radio", name="ReLU").click()
    expect(page.locator(".operations .shares").first).to_be_visible()
    assert sizes == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("look", "act", "most"), [("pixel", HOVER, 16), ("kernel", DRAG, 33), ("residual", SLIDE, 33)], ids=["hover", "drag", "slide"]
)
def test_it_answers_within_a_frame_and_the_server_hears_nothing(server: str, page: Page, look: str, act: str, most: int) -> None:
    sent = opened(page, f"{server}/operations?{LARGEST}&look={look}")
    page.evaluate(BUSY, [act, 10])
    heard, words, times = len(sent), page.locator(".operations").inner_text(), 60
    with_processor = page.context.new_cdp_session(page)
    with_processor.send("Performance.enable", {"timeDomain": "threadTicks"})

    def seconds() -> float:
        """Of a processor that the page's main thread has used: scripts, layout, painting. A busy machine does not count."""
        metrics = with_processor.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    before = seconds()
    median = page.evaluate(BUSY, [act, times])
    used = 1000 * (seconds() - before) / times
    print(f"{look}: {used:.1f} ms of a processor, {median:.1f} ms by the clock")
    assert page.locator(".operations").inner_text() != words
    assert len(sent) == heard
    assert used <= most


def test_the_pointer_moves_the_pixel_a_click_pins_it_and_the_link_holds_it(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv3_2")
    where = page.locator(".operations .where")
    output = page.locator(".operations .lane .map").nth(8)
    box = output.bounding_box()
    assert box
    page.mouse.move(box["x"] + 2.5 / 16 * box["width"], box["y"] + 4.5 / 16 * box["height"])
    expect(where).to_have_text(re.compile("Row 4, column 2 of the output. Move"))
    page.mouse.click(box["x"] + 2.5 / 16 * box["width"], box["y"] + 4.5 / 16 * box["height"])
    expect(where).to_have_text(re.compile("Row 4, column 2 of the output. Pinned"))
    expect(page).to_have_url(re.compile("pixel=4-2"))
    settle(page)
    shown = page.locator(".operations .lane .value").all_inner_texts()
    page.reload()
    settle(page)
    expect(where).to_have_text(re.compile("Row 4, column 2 of the output. Pinned"))
    assert page.locator(".operations .lane .value").all_inner_texts() == shown


def test_the_keyboard_walks_and_pins(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv3_2&pixel=4-2")
    page.get_by_role("application").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".operations .where")).to_have_text(re.compile("Row 5, column 4"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("pixel=5-4"))


def test_a_finger_pins_the_pixel_that_it_touches(server: str, browser: Browser) -> None:
    context = browser.new_context(viewport=PHONE, has_touch=True)
    page = context.new_page()
    opened(page, f"{server}/operations?block=conv3_2")
    x = page.locator(".operations .lane .map").nth(1)
    x.scroll_into_view_if_needed()
    box = x.bounding_box()
    assert box
    page.touchscreen.tap(box["x"] + 6.5 / 16 * box["width"], box["y"] + 9.5 / 16 * box["height"])
    expect(page.locator(".operations .where")).to_have_text(re.compile("Row 9, column 6 of the output. Pinned"))
    expect(page).to_have_url(re.compile("pixel=9-6"))
    context.close()


def test_it_plays_by_itself_without_the_server(server: str, page: Page) -> None:
    sent = opened(page, f"{server}/operations?block=conv5_2")
    heard = len(sent)
    page.get_by_role("button", name="Play all steps").click()
    expect(page.locator(".operations .scrubber output")).to_have_text(re.compile("Step 4 of 8"))
    assert len(sent) == heard


def test_following_a_channel_back_shows_what_made_it(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv5_2&pixel=1-1")
    page.get_by_role("slider", name="Step").press("End")
    for _ in range(3):
        page.get_by_role("button", name="Step back").click()
    detail = page.locator(".operations .detail").first
    detail.locator(".bar").nth(2).click()
    follow = detail.locator(".follow")
    channel = re.findall(r"channel (\d+)", follow.inner_text())[0]
    follow.click()
    expect(page).to_have_url(re.compile(f"through={channel}"))
    expect(detail.locator("h4 span")).to_have_text(f" · conv 1, channel {channel}")


def test_the_folded_channels_unfold_and_all_shares_add_up(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv2_2&pixel=20-9")
    detail = page.locator(".operations .detail").first
    expect(detail.locator(".bar")).to_have_count(8)
    detail.get_by_role("button", name="the other 25").click()
    expect(detail.locator(".bar")).to_have_count(33)
    shares = [float(text.replace("−", "-")) for text in detail.locator(".amount").all_inner_texts() if text]
    said = re.findall(r"(−?[\d.]+) = the network", detail.locator(".closing").inner_text())[0]
    assert len(shares) == 32
    assert sum(shares) == pytest.approx(float(said.replace("−", "-")), abs=32 * 5e-5)
    assert [abs(share) for share in shares] == sorted((abs(share) for share in shares), reverse=True)
    detail.get_by_role("button", name="fold again").click()
    expect(detail.locator(".bar")).to_have_count(8)


def test_an_edited_kernel_redraws_the_map_and_the_impossible_says_why(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv5_2&look=kernel")
    words = page.locator(".operations .closing")
    expect(words).to_have_text(re.compile("The learnt kernel: the map is the network's own.*✓"))
    page.get_by_role("button", name="edge").click()
    expect(words).to_have_text(re.compile("An edited kernel"))
    page.get_by_role("spinbutton", name="dilation").fill("4")
    expect(words).to_have_text(re.compile("the kernel reaches over 9 pixels, but the map has only 4"))
    page.get_by_role("textbox", name="Kernel, row 1, column 1").fill("one")
    page.keyboard.press("Tab")
    expect(words).to_have_text(re.compile("no number|reaches over"))
    page.get_by_role("button", name="Back to learnt").click()
    expect(words).to_have_text(re.compile("The learnt kernel.*✓"))


@pytest.mark.slow
def test_without_its_residual_function_a_residual_block_passes_x_on_and_a_plain_one_nothing(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?block=conv3_2&look=residual")
    page.get_by_role("slider", name="F(x) times α").press("Home")
    words = page.locator(".operations .closing")
    expect(words.nth(0)).to_have_text("Without F(x) the block passes on x, as if it were not there.")
    expect(words.nth(1)).to_have_text(re.compile("the picture is gone"))

    def pixels(i: int) -> list[int]:
        return (
            page.locator(".operations .sum > .tile canvas")
            .nth(i)
            .evaluate("canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]")
        )

    assert pixels(0) == pixels(2)  # x, and what the residual block passes on
    of_plain = pixels(4)
    assert len({tuple(of_plain[i : i + 4]) for i in range(0, len(of_plain), 4)}) == 1  # all of it is zero


@pytest.mark.slow
def test_neighbours_change_the_first_photographs_answer(server: str, page: Page) -> None:
    opened(page, f"{server}/operations?look=norm")
    words = page.locator(".operations .closing").first
    expect(words).to_have_text(re.compile("beside 5 others: .* [0-9.]+ %"))
    before = words.inner_text()
    page.get_by_role("button", name="Chelsea the cat").click()
    expect(words).to_have_text(re.compile("beside 4 others"))
    assert re.findall(r"[0-9.]+ %", before)[0] != re.findall(r"[0-9.]+ %", words.inner_text())[0]
    page.get_by_role("button", name="stored statistics", exact=True).click()
    expect(words).to_have_text(re.compile("whoever its neighbours are"))


@pytest.mark.slow
@pytest.mark.parametrize("look", ["pixel", "residual", "kernel", "norm", "relu", "field"])
def test_every_look_fits_on_a_phone(server: str, page: Page, look: str) -> None:
    page.set_viewport_size(PHONE)
    opened(page, f"{server}/operations?look={look}")
    assert sideways(page) <= 0
