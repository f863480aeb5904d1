"""Do a visitor's own files stay when the visitor turns to another page, and does a page say what is wrong with them?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from resnet_core.networks.weights import save
from tests.support.checkpoints import described, trained
from tests.support.picture_corpus import PROFILES, bmps, jpeg, picture, rgb_png
from tests.support.pictures import encoded
from tests.support.visitor import DEADLINE, ROOT


def opened(page: str = "compare", **query: str) -> AppTest:
    at = AppTest.from_file(str(ROOT / "dashboard" / "app.py"), default_timeout=DEADLINE)
    at.query_params.update(query)
    return turned_to(at, page)


def turned_to(at: AppTest, page: str) -> AppTest:
    """The page, as a browser turns to it: the other page's widgets and their values are gone."""
    at.switch_page(f"views/{page}.py")
    at._run()
    assert [error.value for error in at.exception] == []
    return at


def buttons(at: AppTest) -> list[str]:
    return [button.label for button in at.button]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("weights") / "mine.safetensors"
    save(trained(), described(), path)
    return path.read_bytes()


def test_own_weights_are_a_choice_on_every_page_of_two_networks(weights: bytes) -> None:
    at = opened(pair="any-two")
    at.file_uploader(key="weights").set_value([("mine.safetensors", weights, ""), ("bad.safetensors", b"", "")]).run()
    at.selectbox(key="left").set_value("mine.safetensors").run()
    for page in ("feature_maps", "predictions", "compare"):
        turned_to(at, page)
        assert at.selectbox(key="left").value == "mine.safetensors", page
        assert [error.value.split(":")[0] for error in at.error] == ["bad.safetensors\\"], page
    at.file_uploader(key="weights").set_value([("other.safetensors", weights[:50], ""), ("mine.safetensors", weights, "")]).run()
    assert at.selectbox(key="left").value == "mine.safetensors"
    assert len(at.error) == 2
    at.file_uploader(key="weights").set_value([]).run()  # taken out of the uploader
    assert [error.value.split(":")[0] for error in at.error] == ["bad.safetensors\\"]
    assert "mine.safetensors" not in at.selectbox(key="left").options
    at.button(key="remove-weights").click().run()
    assert (len(at.error), "remove-weights" in [button.key for button in at.button]) == (0, False)


def test_a_weights_file_of_another_page_is_deleted_when_it_is_removed(weights: bytes) -> None:
    from dashboard.serving.uploads import store

    at = opened(pair="any-two")
    at.file_uploader(key="weights").set_value([("mine.safetensors", weights, "")]).run()
    turned_to(at, "predictions")
    (path,) = store().folder.glob("*.safetensors")
    assert path.read_bytes() == weights
    at.button(key="remove-weights").click().run()
    assert not list(store().folder.glob("*.safetensors"))


def test_an_album_stays_grows_and_goes() -> None:
    grey = [(f"{i}.png", encoded(np.full((64, 64, 3), i, np.uint8)), "image/png") for i in range(1, 5)]
    at = opened("predictions")
    at.file_uploader(key="album").set_value([*grey[:2], ("empty.png", b"", "image/png")]).run()

    def shown() -> set[str]:
        return {
            name for name in ("1.png", "2.png", "3.png", "empty.png") if any(name in each.proto.body for each in at.get("html"))
        }

    assert shown() == {"1.png", "2.png"}
    assert [error.value for error in at.error] == ["empty.png\\: The file is empty; choose a picture."]
    turned_to(at, "compare")
    turned_to(at, "predictions")
    assert shown() == {"1.png", "2.png"}
    at.file_uploader(key="album").set_value([grey[2]]).run()
    assert shown() == {"1.png", "2.png", "3.png"}
    at.button(key="remove-album").click().run()
    assert shown() == {"3.png"}
    assert not at.error


def test_an_album_has_thirty_two_photographs_at_most() -> None:
    files = [(f"{i}.png", encoded(np.full((16, 16, 3), i, np.uint8)), "image/png") for i in range(40)]
    at = opened("predictions")
    at.file_uploader(key="album").set_value(files[:20]).run()
    turned_to(at, "compare")
    turned_to(at, "predictions")
    at.file_uploader(key="album").set_value(files[20:]).run()
    assert [warning.value for warning in at.warning] == ["You gave 40 photographs; here are the first 32."]


# Pillow's own endings, and those of browsers and cameras
ENDINGS = (
    "photo.jfif",
    "photo.jpe",
    "PHOTO.JPG",
    "photo.pjpeg",
    "photo.apng",
    "photo.dib",
    "photo.jpg_large",
    "photo",
    "photo.tiff",
)


@pytest.mark.parametrize("name", ENDINGS)
def test_the_bytes_say_what_a_file_is_not_its_ending(name: str) -> None:
    at = opened()
    data = {"dib": bmps()["24bit"], "apng": rgb_png()}.get(name.rpartition(".")[2], jpeg())
    at.file_uploader(key="upload-0").set_value((name, data, "application/octet-stream")).run()
    assert not at.exception
    assert not at.error
    assert "Back to the sample" in buttons(at)


def test_weights_of_another_ending_are_read_and_a_pickle_is_refused(weights: bytes) -> None:
    at = opened(pair="any-two")
    at.file_uploader(key="weights").set_value(
        [("mine.safetensors.download", weights, ""), ("old.pt", b"PK\3\4" + bytes(99), "")]
    ).run()
    assert not at.exception
    assert "mine.safetensors.download" in at.selectbox(key="left").options
    (refused,) = at.error
    assert refused.value.startswith("old.pt is not a whole safetensors file")


@pytest.mark.parametrize("profile", ["broken", "cut"])
def test_a_colour_profile_that_cannot_be_used_is_told_on_every_page(profile: str) -> None:
    data = encoded(Image.fromarray(picture()), "JPEG", icc_profile=PROFILES[profile])
    at = opened()
    at.file_uploader(key="upload-0").set_value(("own.jpg", data, "image/jpeg")).run()
    said = "Its colour profile cannot be applied; the colours are shown as sRGB."
    assert [warning.value for warning in at.warning] == [said]
    turned_to(at, "feature_maps")
    assert said in [warning.value for warning in at.warning]
    turned_to(at, "predictions")
    at.file_uploader(key="album").set_value([("own.jpg", data, "image/jpeg")]).run()
    assert [warning.value for warning in at.warning] == [f"own.jpg\\: {said}"]


def test_a_photograph_of_no_bytes_is_refused_in_a_sentence(tmp_path: Path) -> None:
    at = opened()
    at.file_uploader(key="upload-0").set_value(("own.jpg", b"", "image/jpeg")).run()
    assert [error.value for error in at.error] == ["The file is empty; choose a picture. Until then you see the sample “coffee”."]
