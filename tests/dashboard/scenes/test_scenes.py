"""Does every page's scene say what it found, in words and numbers, and can it be taken away as one file? From small networks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from playwright.sync_api import Browser

from dashboard.scenes import Gallery, Scene, Table
from dashboard.scenes import attribution as of_attribution
from dashboard.scenes.architectures import architectures
from dashboard.scenes.compare import Subject, compare
from dashboard.scenes.degradation import degradation_scene
from dashboard.scenes.feature_maps import Maps, feature_maps
from dashboard.scenes.gradient_flow import batch_exhibits, gradient_flow_scene, training_exhibits
from dashboard.scenes.predictions import predictions
from dashboard.scenes.studies import measurement_scene, run_scene
from dashboard.scenes.train_live import train_live
from dashboard.serving import paper
from resnet_core import architecture, build
from resnet_core import feature_maps as maps_of
from resnet_core.inspection.attribution.methods import attribute
from resnet_core.inspection.attribution.sanity_checks import cascade, curves
from resnet_core.inspection.gradients import gradient_correlation, gradient_flow, nearby_inputs
from resnet_core.inspection.inspect import inspect
from resnet_core.live import race
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.resnet import ResNet
from resnet_core.studies import collection
from tests.browser.conftest import browser
from tests.support.broken_races import whole
from tests.support.checkpoints import described
from tests.support.networks import lived_in, picture

__all__ = ["browser"]

ROOT = Path(__file__).parents[3]
EVIL = ("<script>evil()</script>", "<img src=//evil.example/x onerror=evil()>", "'\"></td><b>evil")
PIXELS = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
TITLES = ("plain18", f"{EVIL[0]}.safetensors")


@cache
def pair() -> tuple[tuple[ResNet, Checkpoint], ...]:
    """A plain network and its residual twin, of three classes that a stranger named."""
    found = []
    for name in ("plain18", "resnet18"):
        row = architecture(name, depths=(1, 2), width=4, num_classes=3)
        says = replace(
            described(row), classes=EVIL, data=f"data {EVIL[0]}", note=f"note {EVIL[1]}", run=f"run {EVIL[2]}", source=EVIL[0]
        )
        found.append((lived_in(build(row, seed=1)), says))
    return tuple(found)


def scene_of_compare() -> Scene:
    subjects = [
        Subject(title, title, says, inspect(network, picture(64, 64), 0))
        for title, (network, says) in zip(TITLES, pair(), strict=True)
    ]
    return compare(
        (subjects[0], subjects[1]), matched=False, picture=PIXELS, photograph=EVIL[1], scale="block", block="conv3_1",
        difference=True, badge=f"badge {EVIL[0]}", provenance=[f"made {EVIL[1]}"], paper={},
    )  # fmt: skip


def scene_of_predictions() -> Scene:
    probabilities = [
        np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3]], np.float32),
        np.array([[0.9, 0.1, 0], [0.2, 0, 0.8]], np.float32),
    ]
    known = [says for _, says in pair()]
    truths = [(EVIL[0],), (EVIL[1],)]
    return predictions(TITLES, known, probabilities, [EVIL[0], "two"], [PIXELS, PIXELS], truths, [f"made {EVIL[1]}"])


def scene_of_feature_maps() -> Scene:
    maps = [
        Maps(title, title, says.architecture.residual, maps_of(network, picture(64, 64), "conv3_1", 0))
        for title, (network, says) in zip(TITLES, pair(), strict=True)
    ]
    return feature_maps(
        (maps[0], maps[1]), picture=PIXELS, photograph=EVIL[1], place="output", sort="mean", channel=2, colours="shared",
        badge=f"badge {EVIL[0]}", provenance=[f"made {EVIL[1]}"],
    )  # fmt: skip


def scene_of_attribution() -> Scene:
    evidence = [
        of_attribution.Evidence(
            title, title, says.run, EVIL[0], 0.25, EVIL[0], attribute(network, picture(64, 64), "grad-cam", 0)
        )
        for title, (network, says) in zip(TITLES, pair(), strict=True)
    ]
    network = pair()[1][0]
    tested = [cascade(network, picture(64, 64), "grad-cam", 0)], [curves(network, picture(64, 64), evidence[1].found)]
    belief = of_attribution.belief(*tested, tested[1], TITLES[1], "absolute", f"badge {EVIL[0]}")
    exhibits = [*of_attribution.method_exhibits(evidence, "grad-cam", PIXELS, EVIL[1]), *belief]
    return of_attribution.attribution(exhibits, evidence, [f"made {EVIL[1]}"])


def scene_of_gradient_flow() -> Scene:
    names = {False: "plain20-cifar", True: "resnet20-cifar"}
    images = torch.randn((2, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    networks = {kind: build(architecture(name, width=4), seed=0) for kind, name in names.items()}
    flows = {kind: gradient_flow(each, images, torch.tensor([0, 1])) for kind, each in networks.items()}
    near = nearby_inputs(images[0], images[1], 4, 0.05)
    alike = {kind: gradient_correlation(each, near, seed=0) for kind, each in networks.items()}
    batch = batch_exhibits(flows, alike, names, "a badge", "4 inputs, 0.05 rad apart", "its first class", 0)
    study = shipped("gradients")
    return gradient_flow_scene(batch, training_exhibits(study, 56, 0), flows, study)


def shipped(name: str) -> Any:
    [found] = collection.read(ROOT / "assets/studies" / name, name, 0).studies
    return found


def scene_of_degradation() -> Scene:
    study = shipped("race")
    return degradation_scene(study, study.depths, "both", "iterations", None, [study], [])


def scene_of_train_live(folder: Path) -> Scene:
    digits = np.zeros((race.SHOWN, 8, 8, 3), np.uint8)
    found = race.read(whole(folder))
    return train_live(found, 15, None, digits, list(range(race.SHOWN)), tuple("0123456789"), lambda _: pd.DataFrame({"n": [1]}))


def scene_of_a_run() -> Scene:
    study = shipped("race")
    return run_scene(study, next(iter(study.facts)))


def scene_of_a_measurement() -> Scene:
    study = shipped("depth")
    return measurement_scene(study, ["A finding of **3 %**."], next(iter(study.facts.values())))


def scene_of_architectures() -> Scene:
    return architectures(architecture("resnet34"), "conv3_x", True, paper())


SCENES: dict[str, Callable[..., Scene]] = {
    "compare": scene_of_compare, "predictions": scene_of_predictions, "feature_maps": scene_of_feature_maps,
    "attribution": scene_of_attribution, "gradient_flow": scene_of_gradient_flow, "degradation": scene_of_degradation,
    "architectures": scene_of_architectures, "run": scene_of_a_run, "measurement": scene_of_a_measurement,
    "train_live": scene_of_train_live,
}  # fmt: skip


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
    shown = " ".join(found.texts)
    for text in (scene.question, scene.answer, *scene.provenance, *(part.message for part in scene.main)):
        assert " ".join(text.split()) in " ".join(shown.split())


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
