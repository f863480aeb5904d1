"""Every page's scene, from small networks of strangers and from the shipped runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from dashboard.scenes import Scene
from dashboard.scenes import attribution as of_attribution
from dashboard.scenes import operations as of_operations
from dashboard.scenes.architectures import architectures
from dashboard.scenes.compare import compare
from dashboard.scenes.compare_words import Subject
from dashboard.scenes.degradation import degradation_scene
from dashboard.scenes.feature_maps import Maps, feature_maps
from dashboard.scenes.gradient_flow import batch_exhibits, gradient_flow_scene, training_exhibits
from dashboard.scenes.landscape import landscape_scene
from dashboard.scenes.lesion import lesion_scene
from dashboard.scenes.likeness import likeness_scene
from dashboard.scenes.myths import myths_scene
from dashboard.scenes.predictions import predictions
from dashboard.scenes.six_myths import MYTHS
from dashboard.scenes.studies import measurement_scene, run_scene
from dashboard.scenes.train_live import train_live
from dashboard.serving import paper
from resnet_core import architecture, build
from resnet_core import feature_maps as maps_of
from resnet_core.inspection.attribution.methods import attribute
from resnet_core.inspection.attribution.sanity_checks import deletion_insertion, randomisation_test
from resnet_core.inspection.gradients import gradient_correlation, gradient_flow, nearby_inputs
from resnet_core.inspection.inspect import inspect
from resnet_core.inspection.operations import block_operations
from resnet_core.live import race_folder, race_reader
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.networks.resnet import ResNet
from resnet_core.studies import collection
from tests.support.broken_races import whole
from tests.support.checkpoints import described
from tests.support.networks import lived_in, picture

ROOT = Path(__file__).parents[2]
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
        (subjects[0], subjects[1]), matched=False, picture=PIXELS, photograph=EVIL[1], truths=[EVIL[0]], scale="block",
        block="conv3_1",
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


def lanes_of_operations() -> list[of_operations.Lane]:
    found = []
    for title, (network, says) in zip(TITLES[::-1], pair()[::-1], strict=True):
        block = block_operations(network, picture(64, 64), "conv3_2", 0)
        traced = of_operations.traced_channels(block, 2, None)
        residual, labels = says.architecture.residual, says.architecture.block_labels
        found.append(of_operations.Lane(title, residual, block, traced, 3, 4, labels))
    return found


def scene_of_operations() -> Scene:
    lanes = lanes_of_operations()
    answer = " ".join(map(of_operations.what_makes_the_pixel, lanes))
    return of_operations.operations(lanes, "pixel", answer, [f"made {EVIL[1]}"], EVIL[1])


def scene_of_attribution() -> Scene:
    evidence = [
        of_attribution.Evidence(
            title, title, says.run, EVIL[0], 0.25, EVIL[0], attribute(network, picture(64, 64), "grad-cam", 0)
        )
        for title, (network, says) in zip(TITLES, pair(), strict=True)
    ]
    network = pair()[1][0]
    tested = (
        [randomisation_test(network, picture(64, 64), "grad-cam", 0)],
        [deletion_insertion(network, picture(64, 64), evidence[1].found)],
    )
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
    digits = np.zeros((race_folder.SHOWN, 8, 8, 3), np.uint8)
    found = race_reader.read(whole(folder))
    return train_live(
        found, 15, None, digits, list(range(race_folder.SHOWN)), tuple("0123456789"), lambda _: pd.DataFrame({"n": [1]})
    )


def scene_of_a_run() -> Scene:
    study = shipped("race")
    return run_scene(study, next(iter(study.facts)))


def scene_of_a_measurement() -> Scene:
    study = shipped("depth")
    return measurement_scene(study, ["A finding of **3 %**."], next(iter(study.facts.values())))


def scene_of_lesion() -> Scene:
    return lesion_scene(shipped("lesion-x0.025"), True, None)


def scene_of_landscape() -> Scene:
    return landscape_scene(shipped("landscape-x0.025"), 56, 45, why=True)


def scene_of_likeness() -> Scene:
    return likeness_scene(shipped("similarity-x0.025"), 56, "seed", "conv3_5")


def scene_of_myths() -> Scene:
    myth = MYTHS["batch-norm"]
    return myths_scene(myth.key, {myth.key: "true"}, {name: shipped(name) for name in myth.studies}, paper())


def scene_of_architectures() -> Scene:
    return architectures(architecture("resnet34"), "conv3_x", True, paper())


SCENES: dict[str, Callable[..., Scene]] = {
    "compare": scene_of_compare, "predictions": scene_of_predictions, "feature_maps": scene_of_feature_maps,
    "attribution": scene_of_attribution, "gradient_flow": scene_of_gradient_flow, "degradation": scene_of_degradation,
    "architectures": scene_of_architectures, "run": scene_of_a_run, "measurement": scene_of_a_measurement,
    "train_live": scene_of_train_live, "lesion": scene_of_lesion, "landscape": scene_of_landscape,
    "likeness": scene_of_likeness, "myths": scene_of_myths, "operations": scene_of_operations,
}  # fmt: skip
