"""Is a scene that was saved as a file drawn by a browser without any network?"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser

from dashboard.scenes import Table
from tests.support.scenes import scene_of_compare


def test_a_figure_of_a_file_on_disk_is_drawn_offline(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "compare.html"
    made = scene_of_compare()
    file.write_text(made.to_html(), encoding="utf-8")
    context = browser.new_context(offline=True)
    page = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    drawn = "count => document.querySelectorAll('.plot .main-svg:first-child').length === count"
    page.wait_for_function(drawn, arg=len(made.exhibits))
    assert page.locator("h1").inner_text() == made.question
    assert page.locator("table").count() == sum(isinstance(part, Table) for part in made.support)
    assert page.evaluate("typeof evil") == "undefined"
    context.close()
    assert errors == []
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
