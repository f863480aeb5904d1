"""Do the studies of trained and new networks answer, on small networks trained in a second, and keep what made the answer?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch.nn import functional as F

from resnet_core import runs
from resnet_core.data.sources import open_dataset
from resnet_core.errors import InputError
from resnet_core.inspection.attribution.sanity_checks import randomisation_test
from resnet_core.networks.architectures import Architecture, architecture
from resnet_core.networks.weights import bundled, read_checkpoint
from resnet_core.studies.catalogue import PAIR, STUDIES, Measurement, study
from resnet_core.studies.collection import load_measured
from resnet_core.studies.measure import run_measurement
from resnet_core.studies.measurements import flow, landscape, lesions, paths, responses, sanity, shattering, similarity
from resnet_core.studies.plan import Job, MeasurementJob, TrainingJob, plan, run_job
from resnet_core.studies.subject import Subject
from resnet_core.training.recipe import Phase, recipe

QUICK = replace(recipe("quick"), phases=(Phase(60, 16),), blocks_every=None)
NETWORKS = {name: architecture(name, depths=(2, 2, 3), width=2) for name in ("plain20-cifar", "resnet20-cifar")}


def carried_out(planned: list[Job]) -> dict[str, str]:
    """In this process: test_study.py tries others."""
    return {each.folder.name: run_job(each, threads=1) for each in planned}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small plain and a small residual network, from two seeds each."""
    folder = tmp_path_factory.mktemp("trained")
    carried_out(
        [
            TrainingJob(row, QUICK, "digits", seed, folder / f"{name}-seed{seed}")
            for seed in (0, 1)
            for name, row in NETWORKS.items()
        ]
    )
    return folder


def subject(trained: Path, name: str = "resnet20-cifar") -> Subject:
    return Subject(name, NETWORKS[name], 0, open_dataset("digits"), 16, trained)


def test_every_measurement_has_its_function() -> None:
    asked = [each for each in STUDIES.values() if isinstance(each, Measurement)]
    assert {each.name for each in asked} >= {"figure7", "depth", "shattering", "lesion", "paths", "landscape", "similarity"}
    for each in asked:
        assert callable(each.function)
        known = bundled() if each.trained_by == PAIR else STUDIES[each.trained_by].networks if each.trained_by else each.networks
        assert set(each.networks) <= set(known)


def test_an_answer_is_a_run_directory(trained: Path, tmp_path: Path) -> None:
    asked = replace(study("figure7"), networks=NETWORKS)
    assert isinstance(asked, Measurement)
    planned: list[Job] = [
        MeasurementJob(asked, name, "digits", 0, tmp_path / "figure7" / f"{name}-seed0", trained) for name in NETWORKS
    ]
    assert set(carried_out(planned).values()) == {"done"}
    assert set(carried_out(planned).values()) == {"finished before"}
    table = load_measured(tmp_path)
    assert table.groupby("run").size().to_dict() == {f"{name}-seed0": 15 for name in NETWORKS}
    assert set(table.residual) == {True, False}
    facts = runs.read_facts(planned[0].folder)
    assert facts["measurement"]["name"] == "figure7"
    assert facts["recipe"]["iterations"] == 60
    assert facts["start"] == f"{trained.name}/plain20-cifar-seed0"
    with pytest.raises(InputError, match="There is no run with results"):
        runs.load(tmp_path)  # an answer is not a training


def test_the_same_question_has_the_same_answer_bit_for_bit(trained: Path) -> None:
    for function in (responses.measure, paths.measure, similarity.measure):
        first, second = (function(subject(trained)) for _ in range(2))
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_the_flow_of_a_new_network(tmp_path: Path) -> None:
    row: Architecture = replace(NETWORKS["plain20-cifar"], batch_norm=False)
    found = flow.measure(Subject("plain", row, 3, open_dataset("digits"), 32, None))
    assert list(found.columns) == ["place", "block", "gradient_norm", "response_sd", "output_rms", "scaled_gradient"]
    assert len(found) == 7
    assert (found.gradient_norm > 0).all()
    # ‖y‖ is the root mean square times the root of the number of values: 16 images in stages of 16, 8 and 4 thousand a piece
    sizes = [found.scaled_gradient[i] / found.gradient_norm[i] / found.output_rms[i] for i in (0, 6)]
    assert sizes[0] / sizes[1] == pytest.approx(2.0), "the last stage has a quarter of the first one's values"


def test_shattering_is_by_angle(trained: Path) -> None:
    new = replace(subject(trained), trained=None)
    found = shattering.measure(new, points=6, radians=0.1, curves=2)
    image = found[found.block == "image"]
    assert np.allclose(image.radians, [0.1, 0.2, 0.3, 0.4, 0.5])
    assert image.correlation.iloc[0] > image.correlation.iloc[-1]


def test_lesions_of_the_whole_network_are_its_test_error(trained: Path) -> None:
    found = lesions.measure(subject(trained), images=297, draws=2, counts=(2,), swaps=(1,))
    recorded = runs.read_metrics(trained / "resnet20-cifar-seed0")
    error = recorded[(recorded.metric == "error_percent") & (recorded.split == "test")].value.iloc[-1]
    whole = found[(found.lesion == "none") & ~found.reestimated].error_percent.item()
    assert whole == pytest.approx(error, abs=0.4)  # the weights are stored in half precision
    assert found.groupby("lesion").size().to_dict() == {"none": 2, "one removed": 14, "several removed": 4, "exchanged": 4}
    plain = lesions.measure(subject(trained, "plain20-cifar"), images=50, draws=2, counts=(2,), swaps=(1,))
    assert plain.blocks.tolist() == found.blocks.tolist()  # both networks lose the same blocks


def test_paths_of_every_length(trained: Path) -> None:
    found = paths.measure(subject(trained), images=8, draws=3)
    assert found.groupby("length").size().tolist() == [1, 3, 3, 3, 3, 3, 3, 1]
    assert (found.gradient_norm > 0).all()


def test_the_centre_of_the_landscape_is_the_loss(trained: Path) -> None:
    asked = subject(trained)
    found = landscape.measure(asked, side=3, images=40)
    assert len(found) == 27
    images, labels = asked.batches(40, training=True, size=40)[0]
    with torch.no_grad():
        expected = float(F.cross_entropy(asked.network()(images), labels))
    centre = found[(found.alpha == 0) & (found.beta == 0) & (found.statistics == "stored")]
    assert centre.loss.tolist() == pytest.approx([expected, expected], rel=1e-6)
    assert set(found.directions) == {"0 and 1", "2 and 3"}


def test_similarity_with_itself_its_twin_and_another_seed(trained: Path) -> None:
    found = similarity.measure(subject(trained), images=64)
    assert set(found.other) == {"itself", "plain20-cifar", "another seed"}
    itself = found[(found.other == "itself") & (found.block == found.other_block)]
    assert np.allclose(itself.cka, 1)
    assert len(found) == 3 * 49


def test_missing_weights_and_other_data_are_named(trained: Path, tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"^lesion asks trained networks, and \S+ does not exist; `[^`]+ --scale 0\.1 --out \S+`"
    ):
        plan(study("lesion"), tmp_path, scale=0.1)
    asked = study("figure7")
    assert isinstance(asked, Measurement)
    other = replace(open_dataset("digits"), classes=tuple("abcdefghij"))
    with pytest.raises(InputError, match="has learned other classes than those of handwritten digits"):
        run_measurement(replace(asked, networks=NETWORKS), "plain20-cifar", other, 0, trained, tmp_path)


def test_sanity_is_the_cascade_of_every_image_and_method(trained: Path) -> None:
    asked = replace(subject(trained), resolution=32)
    found = sanity.measure(asked, images=2)
    x = asked.batches(2, size=1)[1][0]
    expected = randomisation_test(asked.network(), x, "gradient-x-input")
    part = found[(found.image == 1) & (found.method == "gradient-x-input")]
    assert tuple(part.random_down_to) == expected.layers
    np.testing.assert_array_equal(part.absolute, expected.absolute)
    np.testing.assert_array_equal(part.signed, expected.signed)
    assert found.groupby(["image", "method"]).size().unique().tolist() == [len(expected.layers)]


def test_the_bundled_pair_is_asked_as_it_lies(tmp_path: Path) -> None:
    asked = plan(study("sanity"), tmp_path)
    assert [each.folder.name for each in asked] == ["plain34-tiny-seed0", "resnet34-tiny-seed0"]
    for each in asked:
        assert isinstance(each, MeasurementJob)
        found = Subject(each.label, each.measurement.networks[each.label], 0, open_dataset("digits"), 128, each.trained).network()
        assert found.checkpoint == read_checkpoint(each.label)
        assert found.architecture == replace(each.measurement.networks[each.label], num_classes=200)
    with pytest.raises(InputError, match="trained with one seed"):
        plan(study("sanity"), tmp_path, seeds=(0, 1))
