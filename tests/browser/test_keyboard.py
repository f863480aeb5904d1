"""Does the keyboard alone reach everything that a mouse can press?"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.browser import settle

# What a mouse can press and is to be seen; what is folded is not. A group of radios is one stop, in which arrows choose; arrows
# also open what the button of a combobox opens.
CONTROLS = """() => {
  const seen = e => { const box = e.getBoundingClientRect(); return box.width > 0 && box.height > 0 && !e.closest('[inert]')
    && !(e.closest('details:not([open])') && !e.closest('summary'))
    && getComputedStyle(e).visibility !== 'hidden' && !e.disabled && e.getAttribute('aria-disabled') !== 'true' }
  window.controls = [...document.querySelectorAll(
    'button, input:not([type=hidden]), a[href], select, textarea, summary, [role=button], [role=combobox]')].filter(seen)
    .filter(e => !(e.tabIndex < 0 && e.parentElement.querySelector('[role=combobox]')))
  window.reached = new Set()
  document.activeElement.blur()
  return window.controls.length
}"""
STEP = """() => {
  const at = document.activeElement
  window.controls.forEach((control, i) => {
    const group = control.closest('[role=radiogroup]')
    if (control === at || control.contains(at) || (group && group.contains(at))) window.reached.add(i)
  })
  return window.reached.size
}"""
BESIDE = """() => (document.activeElement.closest('[role=toolbar]')?.querySelectorAll('button').length ?? 1) - 1"""
LEFT = """() => window.controls.filter((_, i) => !window.reached.has(i)).map(e => e.outerHTML.slice(0, 260))"""
PAGES = [
    "",
    "compare",
    "predictions",
    "feature_maps",
    "operations",
    "attribution",
    "gradient_flow",
    "degradation",
    "train_live",
    "architectures",
    "studies",
]


@pytest.mark.parametrize("path", [PAGES[0], *(pytest.param(path, marks=pytest.mark.slow) for path in PAGES[1:])])
def test_tab_reaches_every_control(server: str, page: Page, path: str) -> None:
    page.goto(f"{server}/{path}")
    settle(page)
    controls = page.evaluate(CONTROLS)
    assert controls > 10
    for _ in range(3 * controls):
        page.keyboard.press("Tab")
        for _ in range(page.evaluate(BESIDE)):  # a bar of buttons is one stop too, and arrows move along it
            page.evaluate(STEP)
            page.keyboard.press("ArrowRight")
        if page.evaluate(STEP) == controls:
            break
    left = page.evaluate(LEFT)
    assert not left, "\n".join(left)
