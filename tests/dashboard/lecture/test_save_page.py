"""Can every page be taken home, and does an own photograph leave only after a yes?"""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import pages
from tests.support.pictures import encoded, quarters

APP = Path(__file__).parents[3] / "dashboard" / "app.py"


@pytest.fixture
def visitor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))
    return AppTest.from_file(APP, default_timeout=120)


def test_a_page_without_a_scene_has_nothing_to_take_home(visitor: AppTest) -> None:
    visitor.switch_page(pages.PAGES["architectures"].view).run()
    assert [button.proto.disabled for button in buttons(visitor)] == [False]
    visitor.switch_page(pages.PAGES["lecture"].view).run()
    assert buttons(visitor) == []


@pytest.mark.slow
def test_an_own_photograph_is_in_a_hand_out_only_after_a_yes(visitor: AppTest) -> None:
    visitor.switch_page(pages.PAGES["compare"].view).run()
    assert [button.proto.disabled for button in buttons(visitor)] == [False]
    visitor.file_uploader(key="upload-0").set_value(("me.png", encoded(quarters()), "image/png")).run()
    assert not visitor.exception
    assert [button.proto.disabled for button in buttons(visitor)] == [True]
    visitor.toggle(key="own-in-hand-out").set_value(True).run()
    assert [button.proto.disabled for button in buttons(visitor)] == [False]


def buttons(at: AppTest) -> list:
    return [button for button in at.get("download_button") if button.proto.label == "Hand-out"]
