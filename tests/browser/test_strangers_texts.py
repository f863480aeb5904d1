from __future__ import annotations

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import settle

TEXTS = [
    "[evil](http://evil.example)", "![evil](http://evil.example/p.png)", "<b>evil</b>", ":red[evil]", "$evil^2$",
    ":material/home: evil",    "https://evil.example", "www.evil.example", "evil@evil.example", "**evil** :smile:",
]  # fmt: skip


@pytest.mark.browser
@pytest.mark.parametrize("texts", [TEXTS[:5], TEXTS[5:]])
def test_what_a_link_says_is_shown_as_it_is(server: str, page: Page, texts: list[str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    names = ["pair", "sample", "target", "scale", "block"]
    page.goto(f"{server}/?{urlencode(dict(zip(names, texts, strict=True)))}")
    settle(page)
    alerts = page.get_by_test_id("stAlert").filter(has_text="The link asks for")
    expect(alerts).to_have_count(1)
    expect(alerts.locator("p > br")).to_have_count(len(texts) - 1)  # a line each
    expect(alerts.locator("p > :not(br)")).to_have_count(0)  # and nothing but text
    said = " ".join(alerts.all_inner_texts()).replace("\N{WORD JOINER}", "")
    assert [text for text in texts if f"“{text}”" not in said] == []
    assert not [url for url in asked if "//evil.example" in url.split("?")[0]]
