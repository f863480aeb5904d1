"""How is one network trained? Recipe, data and seed in; a run directory out, resumable at any moment."""

from __future__ import annotations

import json
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core import runs
from resnet_core.architectures import Architecture
from resnet_core.checkpoint import Checkpoint
from resnet_core.data.batches import network_input, test_batches, training_batches
from resnet_core.data.datasets import Dataset, ImageSet
from resnet_core.errors import InputError
from resnet_core.files import replacing
from resnet_core.network import ResNet, build
from resnet_core.training.recipe import Recipe
from resnet_core.weights import load, save

RECORD_EVERY = 50  # iterations over which the training loss and error are averaged; also the checkpoint interval
TRAINING_SAMPLE = 10_000  # training images on which the training error is measured, unaugmented, in evaluation mode


@dataclass(frozen=True)
class Progress:
    iteration: int
    iterations: int
    loss: float
    error_percent: float  # of the augmented training batches, since the last report
    images_per_second: float


def commit() -> str | None:
    """The commit of the code, with "+" where it was changed since; None outside a repository."""
    try:
        here = Path(__file__).parent
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True)
        changed = subprocess.run(
            ["git", "status", "--porcelain", "--", "."], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if changed.stdout else "")


def evaluate(network: nn.Module, data: ImageSet, resolution: int, dataset: Dataset) -> dict[str, float]:
    """Mean cross-entropy and top-1 error in percent, in evaluation mode."""
    network.eval()
    loss, wrong = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.int64)
    with torch.inference_mode():
        for images, labels in test_batches(data, 250):
            logits = network(network_input(images, resolution, dataset.mean, dataset.std))
            loss += F.cross_entropy(logits, labels, reduction="sum").double()
            wrong += (logits.argmax(1) != labels).sum()
    network.train()
    return {"loss": loss.item() / len(data), "error_percent": 100 * wrong.item() / len(data)}


def _optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    return torch.optim.SGD(
        network.parameters(),
        lr=recipe.learning_rate,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov,
        weight_decay=recipe.weight_decay,
        fused=True,
    )


def _save_state(path: Path, network: nn.Module, optimizer: torch.optim.SGD, iteration: int, rows: list[dict[str, Any]]) -> None:
    """All that a resumed run needs; batches and augmentation follow from (seed, epoch), so no random state is in it."""
    tensors = {f"network.{name}": tensor.contiguous() for name, tensor in network.state_dict().items()}
    for name, parameter in network.named_parameters():
        tensors[f"momentum.{name}"] = optimizer.state[parameter]["momentum_buffer"].contiguous()
    with replacing(path) as part:
        save_file(tensors, part, {"iteration": str(iteration), "rows": json.dumps(rows)})


def _load_state(path: Path, network: nn.Module, optimizer: torch.optim.SGD) -> tuple[int, list[dict[str, Any]]]:
    tensors = load_file(path)
    network.load_state_dict({name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")})
    for name, parameter in network.named_parameters():
        buffer = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
        optimizer.state[parameter]["momentum_buffer"] = buffer
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    return int(metadata["iteration"]), json.loads(metadata["rows"])


def train(
    architecture: Architecture,
    recipe: Recipe,
    dataset: Dataset,
    seed: int,
    folder: Path,
    progress: Callable[[Progress], None],
    start: Path | None = None,
) -> ResNet:
    """Train, or go on training where `folder` holds an unfinished run of the same recipe; the trained network.

    start: a finished run's directory, whose weights are the first ones (fine-tuning); None: He initialisation from the seed.
    Twins with one seed start from equal weights (where their parameters are the same) and see the same batches.
    Raises InputError where `folder` holds another or a finished run, or when the loss is no longer finite.
    """
    epoch_length = len(dataset.train) // recipe.batch_size
    if not epoch_length:
        raise InputError(f"A batch of {recipe.batch_size} is larger than the {len(dataset.train)} training images.")
    facts: dict[str, Any] = {
        "architecture": asdict(architecture),
        "layers": architecture.layers,
        "recipe": {**asdict(recipe), "iterations": recipe.iterations},
        "data": {"name": dataset.name, "title": dataset.title, "source": dataset.source},
        "seed": seed,
        "start": start.name if start else None,
    }
    facts = json.loads(json.dumps(facts))  # as it will be read back
    first = load(start / "last.safetensors", "cpu") if start else build(architecture, seed)
    if first.architecture != architecture:
        raise InputError(
            f"{start} holds a {first.architecture}, which is not the {architecture} to be trained; choose another run."
        )
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "run.json").exists():
        earlier = runs.read_facts(folder)
        other = next((key for key in facts if earlier.get(key) != facts[key]), None)
        if other or earlier["status"] == "finished":
            what = f"holds a run with another {other}" if other else "holds this run, finished"
            raise InputError(f"{folder} {what}; choose another folder.")
        facts = {**earlier, "seconds": earlier.get("seconds", 0.0)}
    else:
        versions = {"python": platform.python_version(), "torch": torch.__version__}
        hardware = {"machine": platform.machine(), "threads": torch.get_num_threads()}
        facts |= {"commit": commit(), "versions": versions, "hardware": hardware, "seconds": 0.0, "status": "running"}
        runs.write_facts(folder, facts)

    network = first.requires_grad_().to(memory_format=torch.channels_last)
    optimizer = _optimizer(network, recipe)
    state = folder / "state.safetensors"
    iteration, rows = _load_state(state, network, optimizer) if state.exists() else (0, [])

    def record(step: int, split: str, metrics: dict[str, float]) -> None:
        for metric, value in metrics.items():
            rows.append(
                {"step": step, "epoch": step / epoch_length, "split": split, "metric": metric, "block": None, "value": value}
            )

    network.train()
    losses, wrong, clock = [], [], time.perf_counter()
    while iteration < recipe.iterations:
        epoch, done = divmod(iteration, epoch_length)
        batches = training_batches(dataset.train, recipe.batch_size, recipe.pad, dataset.mean, seed, epoch)
        for images, labels in islice(batches, done, None):
            if iteration >= recipe.iterations:
                break
            optimizer.param_groups[0]["lr"] = recipe.learning_rate_at(iteration)
            x = network_input(images, recipe.resolution_at(iteration), dataset.mean, dataset.std)
            logits: Tensor = network(x)
            loss = F.cross_entropy(logits, labels)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
            wrong.append((logits.detach().argmax(1) != labels).float().mean())
            iteration += 1

            last = iteration == recipe.iterations
            if iteration % recipe.evaluate_every == 0 and not last:
                record(iteration, "test", evaluate(network, dataset.test, recipe.resolution_at(iteration - 1), dataset))
            if iteration % RECORD_EVERY == 0 or last:
                seconds = time.perf_counter() - clock
                report = {"loss": torch.stack(losses).mean().item(), "error_percent": 100 * torch.stack(wrong).mean().item()}
                if not torch.isfinite(torch.tensor(report["loss"])):
                    kept = f"the last good checkpoint is {state}" if state.exists() else "no checkpoint was written yet"
                    raise InputError(f"The loss is not finite after iteration {iteration}; {kept}; lower the learning rate.")
                record(iteration, "train_batches", {**report, "learning_rate": recipe.learning_rate_at(iteration - 1)})
                _save_state(state, network, optimizer, iteration, rows)
                facts["seconds"] += seconds
                runs.write_facts(folder, facts)
                progress(
                    Progress(iteration, recipe.iterations, **report, images_per_second=len(losses) * recipe.batch_size / seconds)
                )
                losses, wrong, clock = [], [], time.perf_counter()

    # a random sample: the files lie class by class
    sample = torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(seed))[:TRAINING_SAMPLE]
    training_part = ImageSet(dataset.train.images[sample], dataset.train.labels[sample])
    record(iteration, "train", evaluate(network, training_part, recipe.resolution, dataset))
    test = evaluate(network, dataset.test, recipe.resolution, dataset)
    record(iteration, "test", test)
    runs.write_metrics(folder, rows)
    checkpoint = Checkpoint(
        architecture=architecture,
        classes=dataset.classes,
        mean=dataset.mean,
        std=dataset.std,
        resolution=recipe.resolution,
        stored_resolution=dataset.train.images.shape[1],
        data=dataset.title,
        source=dataset.source,
        recipe=recipe.name,
        note=recipe.note,
        run=folder.name,
        seed=seed,
        commit=facts["commit"],
        test_error_percent=test["error_percent"],
    )
    save(network, checkpoint, folder / "last.safetensors")
    runs.write_facts(folder, {**facts, "status": "finished"})
    state.unlink(missing_ok=True)
    return network.eval()
