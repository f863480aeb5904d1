"""Does every page's scene say what it found, in words and numbers, and can it be taken away as one file? From small networks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from dashboard.scenes import Gallery, Scene
from dashboard.words import typeset
from tests.support.scenes import (
    EVIL,
    ROOT,
    SCENES,
    scene_of_attribution,
    scene_of_compare,
    scene_of_feature_maps,
    scene_of_predictions,
)


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Scene:
    make = SCENES[request.param]
    return make(tmp_path_factory.mktemp("race") / "race") if request.param == "train_live" else make()


def test_scenes_are_made_without_streamlit_and_torch() -> None:
    code = (
        "import sys, pkgutil, importlib, dashboard.scenes as scenes\n"
        "for each in pkgutil.iter_modules(scenes.__path__): importlib.import_module(f'dashboard.scenes.{each.name}')\n"
        "from resnet_core.studies import collection\n"
        "from pathlib import Path\n"
        "[study] = collection.read(Path('assets/studies/race'), 'race', 0).studies\n"
        "from dashboard.scenes.degradation import degradation_scene\n"
        "assert degradation_scene(study, study.depths, 'both', 'iterations', None, [study], []).to_html()\n"
        "print({'streamlit', 'torch'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True, timeout=120).strip() == "set()"


def test_the_answer_is_said_in_numbers(scene: Scene) -> None:
    assert scene.question
    assert re.search(r"\d", scene.answer), scene.answer
    for text in (scene.answer, scene.does_not_show, *scene.notices):
        assert "\n" not in text
        assert "**" not in text
        assert "nan" not in text.split()
    assert scene.answer[-1] in ".)"
    assert scene.does_not_show.count(". ") < 3


def test_every_exhibit_says_what_it_shows_and_where_it_is_from(scene: Scene) -> None:
    assert scene.main
    keys = [part.key for part in (*scene.main, *scene.support)]
    assert len(set(keys)) == len(keys)
    for part in (*scene.main, *scene.support):
        assert part.message, part.key
        assert "\n" not in part.message
        assert "**" not in part.message
    for exhibit in scene.exhibits:
        assert exhibit.alt
        assert exhibit.provenance
        assert exhibit.origin in ("measured", "from the paper", "computed here")


# what says only what is drawn, not yet what was found in it
NO_FINDING = {
    "degradation-ends", "run-gradient_norm", "run-response_sd", "depth-gradient_norm", "depth-output_rms", "race-gradient_norm",
    "race-response_sd",
}  # fmt: skip


def test_every_message_has_a_number(scene: Scene) -> None:
    assert {each.key for each in scene.exhibits if not re.search(r"\d", each.message)} <= NO_FINDING


def test_every_exhibit_has_its_numbers(scene: Scene) -> None:
    for exhibit in scene.exhibits:
        table = exhibit.numbers()
        assert len(table), exhibit.key
        assert len(table.select_dtypes("number").columns), exhibit.key


def test_a_drawing_is_the_same_figure_and_only_marks_change_with_a_choice() -> None:
    once, again = scene_of_feature_maps(), scene_of_feature_maps()
    assert [each.digest for each in once.exhibits] == [each.digest for each in again.exhibits]
    for exhibit in once.exhibits:
        drawn = json.loads(exhibit.drawing)
        whole_figure = json.loads(exhibit.figure.to_json())
        assert "shapes" not in drawn["layout"]
        assert json.loads(exhibit.marks) == whole_figure["layout"].pop("shapes", [])
        assert drawn == whole_figure


class Resources(HTMLParser):
    """What a browser would fetch, run and read in an HTML file."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._script = tag == "script"
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                self.addresses.append(value or "")
            if name.startswith("on"):
                self.handlers.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._script = self._script and tag != "script"

    def handle_data(self, data: str) -> None:
        (self.scripts if self._script else self.texts).append(data)


def test_a_file_of_the_scene_needs_nothing_else_and_takes_no_text_for_markup(scene: Scene) -> None:
    page = scene.to_html()
    found = Resources(page)
    assert [address[:60] for address in found.addresses if not address.startswith("data:")] == []
    assert found.handlers == []
    assert not {"link", "iframe", "object", "embed", "base", "form"} & set(found.tags)
    assert "@import" not in page.split("<script>")[0]
    assert "url(" not in page.split("<script>")[0]
    assert found.tags.count("script") == 2 + len(scene.exhibits)  # Plotly, the drawings, and what draws them
    drawings = [json.loads(script) for script in found.scripts[1:-1]]
    assert [drawing["data"] for drawing in drawings] == [json.loads(each.drawing)["data"] for each in scene.exhibits]
    page_text = " ".join(" ".join(found.texts).split())
    for text in (scene.question, scene.answer, *scene.provenance, *(part.message for part in scene.main)):
        assert " ".join(typeset(text).split()) in page_text or " ".join(text.split()) in page_text


def test_what_strangers_wrote_is_in_the_file_as_text() -> None:
    for make in (scene_of_compare, scene_of_predictions, scene_of_feature_maps, scene_of_attribution):
        made = make()
        page = made.to_html()
        rest = "".join(part.split("</script>", 1)[-1] for part in page.split("<script"))
        assert EVIL[0] not in page
        assert EVIL[1] not in page
        assert "<b>evil" not in rest
        assert any(EVIL[1] in text for text in Resources(page).texts)
        for gallery in (part for part in (*made.main, *made.support) if isinstance(part, Gallery)):
            assert not {"script", "b onerror"} & set(Resources(gallery.body).tags)
