"""What do the studies ask of a network that is trained, or new? Each question is a function: a `Subject` -> a tidy table."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from resnet_core import runs
from resnet_core.assets import STUDIES, WEIGHTS
from resnet_core.data.sources import Dataset
from resnet_core.inspection.attribution import methods, sanity_checks
from resnet_core.inspection.gradients import gradient_correlation, gradient_flow, layer_responses, nearby_inputs
from resnet_core.inspection.landscape import loss_surface, random_direction
from resnet_core.inspection.lesion import reestimated, with_blocks_swapped, without_blocks
from resnet_core.inspection.paths import path_gradients
from resnet_core.inspection.similarity import block_similarity
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import Architecture
from resnet_core.networks.resnet import ResNet, build
from resnet_core.networks.weights import load, read_checkpoint
from resnet_core.pictures.network_input import network_input
from resnet_core.runs.provenance import provenance
from resnet_core.runs.run import Run
from resnet_core.studies.agreement import agreement as agreement
from resnet_core.studies.agreement import precision as precision
from resnet_core.studies.catalogue import Measurement, weights_of
from resnet_core.training.description import describe_data
from resnet_core.training.memory import keep_freed_memory

BATCH = 64
PAIR_RUNS = STUDIES / "pair"
SMALLEST = 32  # pixels at which new networks are asked


@dataclass(frozen=True)
class Subject:
    """A network that is asked, and what it is shown."""

    label: str
    architecture: Architecture
    seed: int
    dataset: Dataset
    resolution: int
    trained: Path | None  # the folder of the runs that trained it and its relatives; None: it is new

    def network(self, label: str = "", seed: int | None = None) -> ResNet:
        """The network, or a relative from the same study."""
        if self.trained is None:
            return build(self.architecture, self.seed)
        return load(weights_of(self.trained, label or self.label, self.seed if seed is None else seed), "cpu")

    def has(self, label: str, seed: int) -> bool:
        return self.trained is not None and weights_of(self.trained, label, seed).exists()

    def batches(self, images: int, training: bool = False, size: int = BATCH) -> list[tuple[Tensor, Tensor]]:
        """Random images of the test set, or of the training set as they are: normalised (N, 3, H, W), and labels (N,)."""
        data = self.dataset.train if training else self.dataset.test
        # one sample for all networks and seeds of the weights, so that only the networks differ
        chosen = torch.randperm(len(data), generator=torch.Generator().manual_seed(0))[:images]
        return [(self._input(x), y) for x, y in data.part(chosen).test_batches(size, self.resolution)]

    def _input(self, images: Tensor) -> Tensor:
        return network_input(images, self.resolution, self.dataset.mean, self.dataset.std)


def answer(measurement: Measurement, label: str, dataset: Dataset, seed: int, trained: Path | None, run: Run) -> None:
    """Measure one network, and write the table and the facts into its run directory.

    trained: the folder of the study that trained the network; None: it is new. The process keeps the memory it frees
    (`keep_freed_memory`). Raises InputError where the network has learned other classes than the dataset's.
    """
    keep_freed_memory()
    start = time.perf_counter()
    architecture = replace(measurement.networks[label], num_classes=len(dataset.classes))
    resolution = max(SMALLEST, dataset.train.side)
    recipe: dict[str, Any] = {"name": "untrained", "iterations": 0, "note": "As it is initialised, without any training."}
    if trained is not None:
        weights = weights_of(trained, label, seed)
        checkpoint = read_checkpoint(weights)
        checkpoint.check_classes(dataset.classes, dataset.title)
        trained_in = PAIR_RUNS / checkpoint.run if trained == WEIGHTS else weights.parent
        resolution, recipe = checkpoint.resolution, _recipe_of(trained_in)
    subject = Subject(label, architecture, seed, dataset, resolution, trained)
    table = measurement.function(subject)
    facts = {
        "measurement": {"name": measurement.name, "question": measurement.question},
        "architecture": asdict(architecture),
        "layers": architecture.layers,
        "recipe": recipe,
        "data": describe_data(dataset),
        "seed": seed,
        "start": f"{trained.name}/{label}" + ("" if trained == WEIGHTS else f"-seed{seed}") if trained else None,
        "precision": "32-true",
        **provenance(torch.device("cpu")),
        "seconds": time.perf_counter() - start,
    }
    run.finish_measured(table, facts)


def _recipe_of(run: Path) -> dict[str, Any]:
    """What the run was trained by; its iterations with those of the runs that it went on from."""
    facts = runs.read_run(run)
    recipe, iterations, passed = facts.recorded["recipe"], facts.iterations, {run.name}
    while facts.start and facts.start not in passed and (run.parent / facts.start).exists():
        passed.add(facts.start)
        facts = runs.read_run(run.parent / facts.start)
        iterations += facts.iterations
    return {**recipe, "iterations": iterations}


def _labels(network: nn.Module) -> list[str]:
    return [handle.label for handle in find_anatomy(network).blocks]


def responses(subject: Subject, images: int = 512) -> pd.DataFrame:
    """The response of every 3x3 layer, after batch norm, before the non-linearity or addition; sd over images and places."""
    found = layer_responses(subject.network(), subject.batches(images, size=images)[0][0])
    return pd.DataFrame(
        {"layer": name, "place": place, "response_sd": sd} for place, (name, sd) in enumerate(found.items(), start=1)
    )


def flow(subject: Subject, images: int = 16) -> pd.DataFrame:
    """Gradient norm, response and output of every block for one batch."""
    (batch,) = subject.batches(images, training=True, size=images)
    found = gradient_flow(subject.network(), *batch)
    return pd.DataFrame({"place": place, **asdict(block)} for place, block in enumerate(found.blocks, start=1))


def shattering(subject: Subject, points: int = 32, radians: float = 0.02, curves: int = 4) -> pd.DataFrame:
    """The correlation of gradients at inputs on great circles between pairs of training images, by the angle between them."""
    network, images = subject.network(), subject.batches(2 * curves, training=True, size=1)
    tables = []
    for curve in range(curves):
        inputs = nearby_inputs(images[2 * curve][0][0], images[2 * curve + 1][0][0], points, radians)
        tables.append(gradient_correlation(network, inputs, seed=curve))
    mean = pd.concat(tables).groupby(["block", "lag"], sort=False).correlation.mean().reset_index()
    return mean.assign(radians=mean.lag * radians)


def _error_percent(network: nn.Module, batches: Sequence[tuple[Tensor, Tensor]]) -> float:
    with torch.inference_mode():
        wrong = sum(int((network(x).argmax(1) != y).sum()) for x, y in batches)
    return 100 * wrong / sum(len(y) for _, y in batches)


def lesions(
    subject: Subject,
    images: int = 500,
    draws: int = 8,
    counts: Sequence[int] = (2, 4, 8, 12),
    swaps: Sequence[int] = (1, 2, 4, 8),
) -> pd.DataFrame:
    """Test error without one block, without several random ones, and after random exchanges within stages.

    Each as it is, and with the statistics of batch norm estimated anew on training images.
    """
    network, test = subject.network(), subject.batches(images, size=250)
    training = [x for x, _ in subject.batches(images, training=True, size=250)]
    names = _labels(network)
    rng = np.random.default_rng(0)  # the same blocks in the plain and in the residual network

    def cases() -> Iterator[tuple[dict[str, object], ResNet]]:
        yield {"lesion": "none", "blocks": "", "count": 0, "draw": 0}, without_blocks(network, [])
        for name in names:
            yield {"lesion": "one removed", "blocks": name, "count": 1, "draw": 0}, without_blocks(network, [name])
        for count in (count for count in counts if count < len(names)):
            for draw in range(draws):
                removed = sorted(rng.choice(names, count, replace=False), key=names.index)
                fields = {"lesion": "several removed", "blocks": " ".join(removed), "count": count, "draw": draw}
                yield fields, without_blocks(network, removed)
        for count in swaps:
            for draw in range(draws):
                pairs = [_pair(names, rng) for _ in range(count)]
                blocks = " ".join("-".join(pair) for pair in pairs)
                yield {"lesion": "exchanged", "blocks": blocks, "count": count, "draw": draw}, with_blocks_swapped(network, pairs)

    rows = []
    for fields, lesioned in cases():
        rows.append({**fields, "reestimated": False, "error_percent": _error_percent(lesioned, test)})
        rows.append({**fields, "reestimated": True, "error_percent": _error_percent(reestimated(lesioned, training), test)})
    return pd.DataFrame(rows)


def _pair(names: Sequence[str], rng: np.random.Generator) -> tuple[str, str]:
    """Two blocks of one stage, neither its first, which changes dimensions."""
    stages: dict[str, list[str]] = {}
    for name in names:
        if not name.endswith("_1"):
            stages.setdefault(name.split("_")[0], []).append(name)
    wide = [stage for stage in stages.values() if len(stage) > 1]
    first, second = rng.choice(wide[rng.integers(len(wide))], 2, replace=False)
    return str(first), str(second)


def paths(subject: Subject, images: int = 64, draws: int = 24) -> pd.DataFrame:
    """The norm of the images' gradient through single random paths of each length (blocks passed through F)."""
    network, (x, y) = subject.network(), subject.batches(images, training=True, size=images)[0]
    names, rng = _labels(network), np.random.default_rng(0)
    keys = [(length, draw) for length in range(len(names) + 1) for draw in range(1 if length in (0, len(names)) else draws)]
    chosen = [[str(name) for name in rng.choice(names, length, replace=False)] for length, _ in keys]
    norms = [float(gradient.norm()) for gradient in path_gradients(network, x, y, chosen)]
    return pd.DataFrame(
        {"length": length, "draw": draw, "gradient_norm": norm} for (length, draw), norm in zip(keys, norms, strict=True)
    )


def landscape(subject: Subject, side: int = 25, reach: float = 1.0, images: int = 64) -> pd.DataFrame:
    """The training loss and error over two pairs of random directions, and with a batch's own statistics."""
    network, batches = subject.network(), subject.batches(images, training=True, size=images)
    steps = np.linspace(-reach, reach, side)
    tables = []
    for pair, of_batch in ((0, False), (1, False), (0, True)):
        first, second = (random_direction(network, seed) for seed in (2 * pair, 2 * pair + 1))
        surface = loss_surface(network, first, second, steps, steps, batches, of_batch)
        alphas, betas = np.meshgrid(steps, steps, indexing="ij")
        columns = {"alpha": alphas, "beta": betas, "loss": surface.loss, "error_percent": surface.error_percent}
        table = pd.DataFrame({name: values.ravel() for name, values in columns.items()})
        tables.append(table.assign(directions=f"{2 * pair} and {2 * pair + 1}", statistics="batch" if of_batch else "stored"))
    return pd.concat(tables, ignore_index=True)


def similarity(subject: Subject, images: int = 512) -> pd.DataFrame:
    """CKA between the network's blocks and its own, its twin's, and those of the same network from the next seed."""
    x = [x for x, _ in subject.batches(images)]
    network, twin = subject.network(), subject.architecture.twin().name
    others = {"itself": network}
    if subject.has(twin, subject.seed):
        others[twin] = subject.network(twin)
    if subject.has(subject.label, subject.seed + 1):
        others["another seed"] = subject.network(seed=subject.seed + 1)
    tables = []
    for name, other in others.items():
        square = block_similarity(network, other, x)
        table = square.rename_axis(index="block", columns="other_block").stack().rename("cka").reset_index()
        tables.append(table.assign(other=name))
    return pd.concat(tables, ignore_index=True)


def sanity(subject: Subject, images: int = 6) -> pd.DataFrame:
    """How alike attributions are to themselves as the network is randomised from the top, for its own first choice.

    Of all methods but occlusion, which takes longest; a row an image, method and layer.
    """
    network, rows = subject.network(), []
    for image, (x, _labels) in enumerate(subject.batches(images, size=1)):
        for method in methods.METHODS:
            if method != "occlusion":
                found = sanity_checks.cascade(network, x, method)
                columns = {"layer": range(len(found.layers)), "random_down_to": found.layers}
                values = {"absolute": found.absolute, "signed": found.signed}
                rows.append(pd.DataFrame({"image": image, "method": method, **columns, **values}))
    return pd.concat(rows, ignore_index=True)
