"""The commands that look inside a network: `inspect`, `attribute`, `trust`, `feature-maps`, `gradient-flow`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from resnet_core.atomic import save_npz
from resnet_core.cli.shared import print_table, printable
from resnet_core.errors import InputError
from resnet_core.networks.architectures import REGISTRY, architecture

if TYPE_CHECKING:
    from torch import Tensor

    from resnet_core.networks.resnet import ResNet

Photograph = Annotated[Path, typer.Argument(help="a photograph: JPEG, PNG, WebP, BMP or GIF")]
Network = Annotated[str, typer.Option(help="a bundled name, a safetensors file, or torchvision:resnet34")]
Target = Annotated[
    str | None, typer.Option(help="a class name, or # and a class's index ('#281'); the most probable one if not given")
]
Against = Annotated[
    str | None, typer.Option(help="a class to contrast with, given as the target: why the target, and not this one")
]


def inspect_image(
    image: Photograph,
    network: Network = "resnet34-tiny",
    target: Target = None,
    as_json: Annotated[bool, typer.Option("--json", help="everything but the maps, as JSON")] = False,
) -> None:
    """What every block of a network does to a photograph."""
    from resnet_core.inspection.inspect import inspect

    model, x, index, _ = _load(image, network, target)
    checkpoint = model.checkpoint
    inspection = inspect(model, x, index)
    numbers = [number for block in inspection.blocks for number in block.numbers().values() if isinstance(number, float)]
    _check_finite(network, inspection.logits, numbers)
    best = inspection.probabilities.argsort()[::-1][:5]
    top = [{"class": checkpoint.classes[i], "index": int(i), "probability": float(inspection.probabilities[i])} for i in best]
    if as_json:
        blocks = [block.numbers() for block in inspection.blocks]
        target_class = {"target": checkpoint.classes[inspection.target], "target_index": inspection.target}
        print(json.dumps({"network": network, **target_class, "top": top, "blocks": blocks}, indent=2, allow_nan=False))
        return
    for row in top:
        print(f"{row['probability']:6.1%}  {printable(checkpoint.labels[row['index']])}")
    table = Table(
        "block",
        "output",
        "gradient norm",
        "response sd",
        "‖F(x)‖ / ‖x‖",
        title=Text(f"target: {printable(checkpoint.labels[inspection.target])}"),
        box=None,
    )
    for block in inspection.blocks:
        ratio = "" if block.residual_ratio is None else f"{block.residual_ratio:.3f}"
        shape = " x ".join(map(str, block.output_shape))
        table.add_row(block.label, shape, f"{block.gradient_norm:.3g}", f"{block.response_std:.3g}", ratio)
    print_table(table)


def _load(
    image: Path, network: str, target: str | None, against: str | None = None
) -> tuple[ResNet, Tensor, int | None, int | None]:
    """Return the network, its input made of the photograph, and the indices of both classes."""
    from resnet_core.networks.weights import load
    from resnet_core.pictures.decode import decode_with_note
    from resnet_core.pictures.network_input import prepare

    try:
        data = image.read_bytes()
    except OSError as error:
        raise InputError(f"{image} cannot be read: {error.strerror}.") from None
    decoded = decode_with_note(data)
    if decoded.note:
        print(decoded.note, file=sys.stderr)
    with redirect_stdout(sys.stderr):  # where a download says how far it is
        model = load(network)
    checkpoint = model.checkpoint
    index, other = (None if name is None else checkpoint.class_index(name) for name in (target, against))
    return model, prepare(decoded.pixels, checkpoint), index, other


def _check_finite(network: str, *numbers: Any) -> None:
    """Raise InputError where a network of finite weights gives numbers that are not."""
    if not all(np.isfinite(array).all() for array in numbers):
        raise InputError(f"{network} gives numbers that are not finite for this photograph: its weights are too large to use.")


@contextmanager
def _progress(what: str) -> Iterator[Callable[[float], bool]]:
    """Yield a progress callback, which takes the fraction that is done and draws a bar if stdout is a terminal."""
    with Progress(transient=True, disable=not sys.stdout.isatty()) as bar:
        task = bar.add_task(what, total=1.0)

        def on_progress(fraction: float) -> bool:
            bar.update(task, completed=fraction)
            return True

        yield on_progress


def attribute_image(
    image: Photograph,
    method: Annotated[str, typer.Option(help="grad-cam, integrated-gradients, occlusion, …; `list` lists them")],
    out: Annotated[Path | None, typer.Option(help="a .npz file for the values, pixel by pixel")] = None,
    network: Network = "resnet34-tiny",
    target: Target = None,
    against: Against = None,
) -> None:
    """Which pixels of a photograph speak for a class, or for one class rather than another."""
    from resnet_core.inspection.attribution.methods import attribute

    model, x, index, other = _load(image, network, target, against)
    with _progress(method) as on_progress:
        attribution = attribute(model, x, method, index, on_progress, against=other)
    _check_finite(network, attribution.values)
    if out:
        attribution.save(out)
    name = model.checkpoint.labels[attribution.target] + (f" rather than {against}" if against else "")
    low, high = attribution.values.min(), attribution.values.max()
    print(f"{method} for {printable(name)}: {low:.3g} to {high:.3g} a pixel, {attribution.seconds:.1f} s")
    if attribution.incompleteness is not None:
        print(f"The sum is {attribution.incompleteness:.2%} from what the image adds to the class's logit.")


def trust_of_attribution(
    image: Photograph,
    method: Annotated[str, typer.Option(help="as for `attribute`")],
    out: Annotated[Path | None, typer.Option(help="a .npz file for the numbers of both tests")] = None,
    network: Network = "resnet34-tiny",
    target: Target = None,
    against: Against = None,
) -> None:
    """Whether an attribution deserves belief: does it change as the network becomes random, do its first pixels matter?"""
    from resnet_core.inspection.attribution import sanity_checks

    model, x, index, other = _load(image, network, target, against)
    with _progress(f"{method}, random from the top") as on_progress:
        cascade = sanity_checks.randomisation_test(model, x, method, index, on_progress=on_progress, against=other)
    _check_finite(network, cascade.maps)
    with _progress(f"{method}, deletion and insertion") as on_progress:
        curves = sanity_checks.deletion_insertion(model, x, cascade.original, on_progress=on_progress)
    with _progress("pixels in random orders") as on_progress:
        random = sanity_checks.random_baseline(model, x, cascade.target, on_progress=on_progress)
    if out:
        tests = {"cascade": cascade, "curves": curves}
        save_npz(out, {f"{test} {name}": value for test, result in tests.items() for name, value in vars(result).items()})
    table = Table("random down to", "of absolute values", "of values", title="rank correlation with the original", box=None)
    for layer, absolute, signed in zip(cascade.layers, cascade.absolute, cascade.signed, strict=True):
        table.add_row(layer, f"{absolute:.2f}", f"{signed:.2f}")
    print_table(table)
    for name, good, area, areas in (
        ("deletion", "low", curves.deletion_auc, [result.deletion_auc for result in random]),
        ("insertion", "high", curves.insertion_auc, [result.insertion_auc for result in random]),
    ):
        chance = f"of pixels in {len(areas)} random orders {min(areas):.3f} to {max(areas):.3f}"
        print(f"Area under the {name} curve {area:.3f}, {chance}: {good} is good.")


def feature_maps_of_image(
    image: Photograph,
    block: Annotated[str, typer.Argument(help="the paper's name: conv3_1; `list` lists them")],
    out: Annotated[Path | None, typer.Option(help="a .npz file for the maps of every place in the block")] = None,
    network: Network = "resnet34-tiny",
    target: Target = None,
) -> None:
    """What is in every channel of a block, from its input to its output."""
    from resnet_core.inspection.feature_maps import feature_maps

    model, x, index, _ = _load(image, network, target)
    block_maps = feature_maps(model, x, block, index)
    _check_finite(network, *block_maps.maps.values())
    if out:
        block_maps.save(out)
    table = Table("place", "channels", "size", "mean", "sd", "zeros", "strongest channel", box=None)
    for place, maps in block_maps.maps.items():
        channels, height, width = maps.shape
        strongest = block_maps.statistics(place, like=0)["energy"].argmax()
        numbers = (f"{maps.mean():.3g}", f"{maps.std():.3g}", f"{(maps == 0).mean():.1%}", str(strongest))
        table.add_row(place, str(channels), f"{height} x {width}", *numbers)
    print_table(table)


def gradient_flow_of_batch(
    name: Annotated[str, typer.Argument(help="a network of the registry, which is new; or a trained one, as for `inspect`")],
    data: Annotated[str, typer.Option(help="as for `train`: digits, cifar10, folder:PATH, …")] = "digits",
    images: Annotated[int, typer.Option(min=1, help="how many of the training images, from the first")] = 16,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="of a new network's weights")] = 0,
    batch_norm: Annotated[bool, typer.Option(help="of a new network")] = True,
    out: Annotated[Path | None, typer.Option(help="a .npz file for the numbers of every block")] = None,
) -> None:
    """How the gradient of the loss comes back through the blocks, for one batch."""
    from resnet_core.data.sources import open_dataset
    from resnet_core.inspection.gradients import gradient_flow
    from resnet_core.networks.resnet import build
    from resnet_core.networks.weights import load
    from resnet_core.pictures.network_input import network_input
    from resnet_core.studies.measure import SMALLEST

    dataset = open_dataset(data)
    if name in REGISTRY:
        model = build(architecture(name, batch_norm=batch_norm, num_classes=len(dataset.classes)), seed)
        resolution = max(SMALLEST, dataset.train.side)
    else:
        model = load(name)
        resolution = model.checkpoint.resolution
        model.checkpoint.check_classes(dataset.classes, dataset.title)
    pictures, labels = next(dataset.train.test_batches(images, resolution))
    flow = gradient_flow(model, network_input(pictures, resolution, dataset.mean, dataset.std), labels)
    _check_finite(name, *([block.gradient_norm, block.response_sd, block.output_rms] for block in flow.blocks))
    if out:
        flow.save(out)
    table = Table("block", "gradient norm", "response sd", "rms of the output", box=None)
    for block in flow.blocks:
        table.add_row(block.block, f"{block.gradient_norm:.3g}", f"{block.response_sd:.3g}", f"{block.output_rms:.3g}")
    print_table(table)
