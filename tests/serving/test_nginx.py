"""The nginx configuration of docs/serving.md, in front of a real dashboard below a base path."""

from __future__ import annotations

import io
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
import requests
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.install import chromium
from tests.support.protocol import visitor
from tests.support.server import ROOT, free_port, running

pytestmark = pytest.mark.slow
AROUND = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    include /etc/nginx/mime.types; access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; scgi_temp_path {folder}/scgi; uwsgi_temp_path {folder}/uwsgi;
    {block}
}}
"""


def documented(listen: int, upstream: int) -> str:
    """The block of docs/serving.md with these ports."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / "serving.md").read_text(), re.DOTALL)
    assert found
    block = found[1]
    for old, new in (("listen 80;", f"listen 127.0.0.1:{listen};"), ("127.0.0.1:8501;", f"127.0.0.1:{upstream};")):
        assert old in block
        block = block.replace(old, new)
    return block


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the dashboard as nginx serves it."""
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
    assert nginx, "this test needs nginx; install it with `apt-get install nginx-light`"
    folder, port, upstream = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    (folder / "nginx.conf").write_text(AROUND.format(folder=folder, block=documented(port, upstream)))
    served = f"http://127.0.0.1:{port}/lens"
    dashboard = [
        sys.executable,
        "-m",
        "dashboard",
        "--port",
        str(upstream),
        "--base-path",
        "lens",
        "--runs",
        str(folder / "runs"),
    ]
    environment = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "OMP_NUM_THREADS": "1"}
    proxy = [nginx, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"]
    with (
        running(dashboard, f"http://127.0.0.1:{upstream}/lens/_stcore/health", environment),
        running(proxy, f"{served}/_stcore/health"),
    ):
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = chromium()
    assert path, "no Chromium; `python -m tests.browser.install` installs one"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh visitor; the test fails where the page breaks its own Content-Security-Policy."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(120_000)
    refused: list[str] = []
    opened.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
    yield opened
    context.close()
    assert not refused


def test_a_session_runs_over_the_proxys_websocket(address: str) -> None:
    with visitor(address) as guest:
        guest.open("architectures")
        assert "exhibit" in guest.text
        assert not guest.exceptions


def test_the_address_without_a_slash_leads_to_the_site(address: str) -> None:
    answer = requests.get(address, timeout=30)
    assert answer.url.endswith("/lens/")
    assert "<title>" in answer.text


def test_strangers_see_no_metrics(address: str) -> None:
    assert requests.get(f"{address}/_stcore/metrics", timeout=30).status_code == 404


@pytest.mark.browser
def test_a_deep_link_opens_its_page_and_the_numbers_can_be_taken_away(address: str, page: Page) -> None:
    page.goto(f"{address}/degradation?error=test")
    expect(page.get_by_role("heading", level=1)).to_be_visible(timeout=120_000)
    expect(page.get_by_role("radio", name="test", exact=True)).to_be_checked()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="CSV").first.click()
    assert len(pd.read_csv(waiting.value.path()))


@pytest.mark.browser
def test_a_photograph_of_15_megabytes_is_looked_at(address: str, page: Page) -> None:
    picture = io.BytesIO()
    Image.fromarray(np.full((2000, 2500, 3), 128, np.uint8)).save(picture, "BMP")
    assert 15_000_000 < len(picture.getvalue()) < 15_100_000
    page.goto(f"{address}/")
    page.get_by_role("button", name="Your own…").click()
    with page.expect_response(lambda answer: "upload_file" in answer.url and answer.request.method == "PUT") as put:
        page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
            {"name": "grey.bmp", "mimeType": "image/bmp", "buffer": picture.getvalue()}
        )
    assert put.value.status == 204
    expect(page.get_by_role("button", name="Back to the sample")).to_be_visible()


@pytest.mark.browser
def test_a_race_is_downloaded(address: str, page: Page) -> None:
    page.goto(f"{address}/train_live?depth=20&width=4")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text(re.compile(r"Iteration [1-9]\d* of")).first).to_be_visible(timeout=240_000)
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download").click()
    with ZipFile(waiting.value.path()) as archive:
        assert {Path(name).name for name in archive.namelist()} >= {"race.json", "run.json"}
