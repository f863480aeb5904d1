"""What does a visitor see? Waiting until a page has come to rest, and reading what is on it."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
LAPTOP = ViewportSize(width=1440, height=900)
PHONE = ViewportSize(width=390, height=844)
RESTS = """() => {
  const app = document.querySelector('[data-testid="stApp"]')
  return app && app.dataset.testScriptState === 'notRunning' && !document.querySelector('[data-testid="stSkeleton"]')
    && !document.querySelector('[data-stale="true"]')
    && [...document.querySelectorAll('.exhibit .plot')].every(plot => plot.querySelector('.main-svg'))
}"""


def settle(page: Page) -> None:
    """Until the script rests and everything is drawn, for 300 ms on end; three minutes at most."""
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        page.wait_for_function(RESTS)
        page.wait_for_timeout(300)
        if page.evaluate(RESTS):
            return
    raise AssertionError(f"{page.url} does not come to rest.")


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a select box, which may wait behind the chip of that name."""
    chip = page.get_by_role("button", name=f"{label}: ")
    if chip.count():
        chip.click()
    page.get_by_role("combobox", name=label).click()
    page.keyboard.type(option)
    page.get_by_role("option", name=option, exact=True).click()
    if chip.count():
        page.keyboard.press("Escape")


def figures(page: Page) -> dict[str, Any]:
    """Every figure on the page, as the browser has it: traces (without ids), images and shapes, by the figure's name."""
    return page.evaluate(
        """() => Object.fromEntries([...document.querySelectorAll('.exhibit .plot')].map(plot => {
          const name = [...plot.closest('[class*="st-key-"]').classList].find(c => c.startsWith('st-key-')).slice(7)
          const { images, shapes, annotations } = plot.layout
          const data = plot.data.map(({ uid, ...trace }) => trace)
          return [name, JSON.parse(JSON.stringify({ data, images, shapes, annotations }))]
        }))"""
    )


def sideways(page: Page) -> int:
    """Pixels by which the page is wider than the window."""
    return page.evaluate(
        """() => Math.max(...[document.documentElement, document.querySelector('[data-testid="stMain"]')]
            .map(e => e.scrollWidth - e.clientWidth))"""
    )


def overlapping_labels(page: Page) -> list[str]:
    """Pairs of texts inside one figure that cover each other by more than two pixels each way."""
    return page.evaluate(
        """() => [...document.querySelectorAll('.exhibit .plot')].flatMap(plot => {
          const texts = [...plot.querySelectorAll('text')].filter(t => t.textContent.trim() && t.getBoundingClientRect().width > 0
            && getComputedStyle(t).opacity !== '0')
          const boxes = texts.map(t => t.getBoundingClientRect())
          const pairs = []
          for (let i = 0; i < boxes.length; i++) for (let j = i + 1; j < boxes.length; j++) {
            const [a, b] = [boxes[i], boxes[j]]
            const across = Math.min(a.right, b.right) - Math.max(a.left, b.left)
            const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)
            if (across > 2 && down > 4) pairs.push(`${texts[i].textContent} | ${texts[j].textContent}`)
          }
          return pairs
        })"""
    )


def reloaded(page: Page) -> dict[str, Any]:
    """The figures, which the link alone brings back."""
    before = figures(page)
    page.reload()
    settle(page)
    assert figures(page) == before
    return before


def fits(browser: Browser, *addresses: str) -> None:
    """On a laptop and on a phone, light and dark, no page is wider than its window, and no label covers another."""
    for size in (LAPTOP, PHONE):
        for theme in ("light", "dark"):
            context = browser.new_context(viewport=size, color_scheme=theme)
            page = context.new_page()
            page.set_default_timeout(60_000)
            for address in addresses:
                page.goto(address)
                settle(page)
                assert sideways(page) <= 0, (address, size, theme)
                assert overlapping_labels(page) == [], (address, size, theme)
            context.close()
