"""How does one network take one step? A network in training: stepped, measured, saved and restored."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from resnet_core.data.in_memory import Augmentation, Batch, ImageSource
from resnet_core.data.sources import Dataset
from resnet_core.errors import InputError
from resnet_core.inspection.isolation import forward_hooks
from resnet_core.inspection.lesion import reestimated
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import EXPANSION, Architecture
from resnet_core.networks.resnet import ResNet
from resnet_core.pictures.network_input import network_input
from resnet_core.runs.run import SavedState
from resnet_core.training.batch_norm import use_compiled_batch_norm
from resnet_core.training.recipe import Recipe

TRAINING_SAMPLE = 10_000  # training images on which the training error is measured, unaugmented, in evaluation mode
REESTIMATED_ON = 2048  # training images on which batch-norm statistics are estimated anew for a test on the way
Row = dict[str, Any]  # of the metrics table


def evaluate(network: nn.Module, data: ImageSource, resolution: int, dataset: Dataset, fabric: Fabric) -> dict[str, float]:
    """Mean cross-entropy and top-1 error in percent, in evaluation mode and the fabric's precision."""
    network.eval()
    device = fabric.device
    loss, wrong = torch.zeros((), dtype=torch.float64, device=device), torch.zeros((), dtype=torch.int64, device=device)
    with torch.inference_mode():
        for images, labels in data.test_batches(250, resolution):
            x = network_input(images, resolution, dataset.mean, dataset.std)
            with fabric.autocast():
                logits = network(x).float()
            loss += F.cross_entropy(logits, labels, reduction="sum").double()
            wrong += (logits.argmax(1) != labels).sum()
    network.train()
    return {"loss": loss.item() / len(data), "error_percent": 100 * wrong.item() / len(data)}


def fitting_batch(recipe: Recipe, images: int) -> int:
    """Return the recipe's batch size, or that of all images where they are fewer. Raises InputError for a single image."""
    if images < 2:
        raise InputError("There is a single training image; a network needs at least two.")
    return min(recipe.batch_size, images)


def _with_decay(network: nn.Module, recipe: Recipe) -> list[dict[str, Any]]:
    """The optimiser's groups of parameters: one, or kernels with the recipe's weight decay and vectors without any."""
    parameters = list(network.parameters())
    if recipe.decay_vectors:
        return [{"params": parameters, "weight_decay": recipe.weight_decay}]
    kernels, vectors = ([p for p in parameters if (p.ndim > 1) == kernel] for kernel in (True, False))
    return [{"params": kernels, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def memory_format(architecture: Architecture, recipe: Recipe) -> torch.memory_format:
    """Return the order of a network's numbers in memory: channels last, which is fastest.

    Other for narrow projections of large maps, where torch 2.14 writes beyond its memory on a CPU: the backward pass of 1 x 1
    convolutions of stride 2 with up to 10 channels and maps from 56 pixels.
    """
    side = max(phase.resolution for phase in recipe.phases) // (4 if architecture.stem == "imagenet" else 1)
    projects = architecture.shortcut in ("B", "C")
    channels = architecture.width * EXPANSION[architecture.block]
    return torch.contiguous_format if projects and channels <= 16 and side > 48 else torch.channels_last


class Trainer:
    """A network, its optimiser, its position in the data, and the metrics that nobody has taken yet (`take_rows`).

    fabric: the device, the precision and the other processes. Each process takes its shard of every batch, and their gradients
    are averaged, so that their number changes nothing but batch norm, whose statistics are of one process's shard: torch
    synchronises them on GPUs only, and the paper's batches of 128 were on two GPUs too (section 4.2). What is recorded of blocks
    is of the first process's shard.

    Batches and augmentation follow from (seed, epoch) alone, so trainers with one seed see the same batches, and a restored one
    goes on with the batch that would have been next.

    compiled: whether the steps of long phases run compiled by `torch.compile`: the same numbers but for rounding. Those that are
    recorded never do, since what is compiled cannot be listened to.
    """

    def __init__(
        self, network: ResNet, recipe: Recipe, dataset: Dataset, seed: int, fabric: Fabric, compiled: bool = False
    ) -> None:
        self.batch_size = fitting_batch(recipe, len(dataset.train))
        if self.batch_size % fabric.world_size:
            raise InputError(f"A batch of {self.batch_size} cannot be shared evenly by {fabric.world_size} processes.")
        self.epoch_length = len(dataset.train) // self.batch_size
        memory = memory_format(network.architecture, recipe)
        self.network = network.requires_grad_().to(fabric.device).to(memory_format=memory).train()
        self.recipe, self.seed, self.fabric, self._memory = recipe, seed, fabric, memory
        self.dataset = replace(dataset, train=dataset.train.to(fabric.device), test=dataset.test.to(fabric.device))
        optimizer = torch.optim.SGD(
            _with_decay(network, recipe),
            lr=recipe.learning_rate,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            fused=True,
        )
        self.optimizer: torch.optim.SGD = optimizer
        model: nn.Module = self.network
        if compiled:
            use_compiled_batch_norm(network)
            torch.compiler.reset()  # torch stops compiling, and says nothing, after eight networks of one class
            # one resolution after another, each as long as a phase: shapes left open would only make it slower
            model = cast(nn.Module, torch.compile(model, dynamic=False))
        self._compiled = compiled
        self._model, self._stepper = fabric.setup(model, optimizer)
        self.iteration = 0
        self.warm_up_ended: int | None = None  # the iteration, where the recipe lets the error decide
        self._rows: list[Row] = []
        self._losses: list[Tensor] = []
        self._wrong: list[Tensor] = []
        self._clipped: list[Tensor] = []  # of a recipe that clips: 1 where the gradient was longer than it may be
        self._batches = self._next_batches()

    def _next_batches(self) -> Iterator[Batch]:
        """Return this process's shard of every batch, from the current iteration on."""
        recipe = self.recipe
        augmentation = Augmentation(recipe.pad, recipe.mirror, self.dataset.mean, recipe.sides, recipe.colour)
        shard = slice(self.fabric.global_rank, None, self.fabric.world_size)
        train = self.dataset.train
        return train.training_batches(augmentation, self.batch_size, recipe.resolution, self.seed, self.iteration, shard)

    def step(self, learning_rate: float | None = None) -> None:
        """Train for one iteration; `report` returns loss and error later. learning_rate: overrides the recipe's."""
        recipe = self.recipe
        images, labels = next(self._batches)
        x = network_input(images, recipe.resolution_at(self.iteration), self.dataset.mean, self.dataset.std)
        if self._memory == torch.contiguous_format:
            x = x.contiguous()
        rate = recipe.learning_rate_at(self.iteration, self.warm_up_ended) if learning_rate is None else learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        every = recipe.blocks_every
        recorded = every is not None and self.iteration % every == 0
        phase, layers = recipe.phase_at(self.iteration), self.network.architecture.layers
        as_written = self._compiled and (recorded or not phase.worth_compiling(layers))
        with torch.compiler.set_stance("force_eager") if as_written else nullcontext():
            if recorded:
                self._record_blocks(x, labels)
            else:
                self._forward_and_backward(x, labels)
        if recipe.clip_norm:
            norm = nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip_norm)
            self._clipped.append((norm > recipe.clip_norm).float())
        self._stepper.step()
        self._stepper.zero_grad()
        self.iteration += 1

    def _forward_and_backward(self, x: Tensor, labels: Tensor) -> None:
        logits: Tensor = self._model(x)
        loss = F.cross_entropy(logits, labels)
        self.fabric.backward(loss)
        self._losses.append(loss.detach())
        self._wrong.append((logits.detach().argmax(1) != labels).float().mean())

    def _record_blocks(self, x: Tensor, labels: Tensor) -> None:
        """The step's passes, with every block's gradient norm, response and weight norm written down.

        gradient_norm: ‖∂L/∂y‖₂ of the block's outputs y for the whole batch, L the batch's mean loss. response_sd: of F(x), after
        batch norm, before addition and ReLU (Figure 7 of the paper). weight_norm: of the block's convolutions.
        """
        gradients: dict[str, Tensor] = {}
        responses: dict[str, Tensor] = {}
        weights: dict[str, Tensor] = {}

        def hear_block(name: str, y: Tensor) -> None:
            def keep(gradient: Tensor) -> None:
                gradients[name] = torch.linalg.vector_norm(gradient, dtype=torch.float32)

            y.register_hook(keep)  # type: ignore[no-untyped-call]

        def hear_last(name: str, y: Tensor) -> None:
            y = y.detach().float()
            responses[name] = torch.linalg.vector_norm(y - y.mean()) / y.numel() ** 0.5

        hooks = {}
        for handle in find_anatomy(self.network).blocks:
            name = handle.label
            hooks[handle.block] = lambda _x, y, name=name: hear_block(name, y)
            assert handle.branch is not None  # the trainer's networks are this project's
            hooks[handle.branch] = lambda _x, y, name=name: hear_last(name, y)
            convolutions = [m.weight.detach().norm() for m in handle.block.modules() if isinstance(m, nn.Conv2d)]
            weights[name] = torch.stack(convolutions).norm()
        with forward_hooks(hooks):
            self._forward_and_backward(x, labels)
        for name in weights:
            norms = {"gradient_norm": gradients[name], "response_sd": responses[name], "weight_norm": weights[name]}
            self.record(self.iteration, "train_batches", {metric: value.item() for metric, value in norms.items()}, name)

    def record(self, step: int, split: str, metrics: dict[str, float], block: str | None = None) -> None:
        """Keep the metrics until `take_rows`, and pass them to Fabric's loggers."""
        for metric, value in metrics.items():
            row = {"step": step, "epoch": step / self.epoch_length, "split": split, "metric": metric, "block": block}
            self._rows.append({**row, "value": value})
        self.fabric.log_dict({"/".join(filter(None, (split, name, block))): value for name, value in metrics.items()}, step)

    def report(self) -> dict[str, float]:
        """Mean loss and error over the steps since the last report, recorded. FloatingPointError on a loss of nan or inf.

        Also the share of steps whose gradient was clipped, where the recipe clips.
        An error low enough ends the warm-up here: it is the same in all processes, and known without another synchronisation.
        """
        means = torch.stack([torch.stack(self._losses).mean(), torch.stack(self._wrong).mean()])
        means = cast(Tensor, self.fabric.all_reduce(means, reduce_op="mean"))
        loss, wrong = means.tolist()
        if not math.isfinite(loss):
            raise FloatingPointError(f"The loss is not finite after iteration {self.iteration}")
        metrics = {"loss": loss, "error_percent": 100 * wrong}
        rate = self.optimizer.param_groups[0]["lr"]
        clipped = {"clipped_percent": 100 * torch.stack(self._clipped).mean().item()} if self._clipped else {}
        self.record(self.iteration, "train_batches", {**metrics, "learning_rate": rate, **clipped})
        self._losses, self._wrong, self._clipped = [], [], []
        warming_up = self.warm_up_ended is None and self.iteration < self.recipe.warm_up
        if warming_up and self.recipe.warm_up_until is not None and metrics["error_percent"] < self.recipe.warm_up_until:
            self.warm_up_ended = self.iteration
        return metrics

    def test(self) -> dict[str, float]:
        """Loss and error on the test images, at the resolution of the last step, recorded.

        Where the recipe says `reestimate`, they are recorded once more with batch-norm statistics estimated anew.
        """
        resolution = self.recipe.resolution_at(max(0, self.iteration - 1))
        metrics = evaluate(self.network, self.dataset.test, resolution, self.dataset, self.fabric)
        self.record(self.iteration, "test", metrics)
        if self.recipe.reestimate and self.network.architecture.batch_norm:
            anew = self._reestimated(self._training_sample(REESTIMATED_ON), resolution)
            self._record_reestimated("test", evaluate(anew, self.dataset.test, resolution, self.dataset, self.fabric))
        return metrics

    def _training_sample(self, images: int) -> ImageSource:
        """At most so many training images, at random: the files lie class by class."""
        train = self.dataset.train
        return train.subset(torch.randperm(len(train), generator=torch.Generator().manual_seed(self.seed))[:images])

    def _reestimated(self, images: ImageSource, resolution: int) -> ResNet:
        """The network with batch-norm statistics estimated anew on whole batches of the images."""
        size, mean, std = self.batch_size, self.dataset.mean, self.dataset.std
        whole = (x for x, labels in images.test_batches(size, resolution) if len(labels) == size)
        with self.fabric.autocast():
            return reestimated(self.network, (network_input(x, resolution, mean, std) for x in whole))

    def _record_reestimated(self, split: str, metrics: dict[str, float]) -> None:
        self.record(self.iteration, split, {f"reestimated_{metric}": value for metric, value in metrics.items()})

    def examine(self) -> dict[str, float]:
        """Measure the training error and the test error at the end of a training, and record both.

        The training error is of at most TRAINING_SAMPLE images without augmentation. Each error is recorded twice: with the
        running statistics of batch norm that training left (`error_percent`), and with statistics estimated anew on the same
        training images (`reestimated_error_percent`), because running statistics lag behind weights that change fast.

        Returns:
            The test's `loss` and `error_percent`, with the running statistics.
        """
        dataset, fabric, resolution = self.dataset, self.fabric, self.recipe.resolution
        seen = self._training_sample(TRAINING_SAMPLE)
        test = evaluate(self.network, dataset.test, resolution, dataset, fabric)
        self.record(self.iteration, "train", evaluate(self.network, seen, resolution, dataset, fabric))
        self.record(self.iteration, "test", test)
        if self.network.architecture.batch_norm:
            anew = self._reestimated(seen, resolution)
            for split, images in (("train", seen), ("test", dataset.test)):
                self._record_reestimated(split, evaluate(anew, images, resolution, dataset, fabric))
        return test

    def predict(self, images: Tensor) -> Tensor:
        """Class probabilities (N, classes) of images (N, 3, H, W) uint8, in evaluation mode."""
        self.network.eval()
        with torch.inference_mode():
            x = network_input(images.to(self.fabric.device), self.recipe.resolution, self.dataset.mean, self.dataset.std)
            probabilities: Tensor = self.network(x).softmax(1)
        self.network.train()
        return probabilities

    def take_rows(self) -> list[Row]:
        """Return the metrics recorded since the last call, as rows of the tidy table."""
        rows, self._rows = self._rows, []
        return rows

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return all that a restored trainer needs besides the metrics: tensors, and progress that is JSON.

        Any number of processes may go on from it; of several, call it after `report`.
        """
        tensors = {f"network.{name}": tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        for name, parameter in self.network.named_parameters():
            if "momentum_buffer" in self.optimizer.state[parameter]:
                tensors[f"momentum.{name}"] = self.optimizer.state[parameter]["momentum_buffer"].contiguous()
        if self._losses:  # since the last report
            tensors |= {"pending.losses": torch.stack(self._losses), "pending.wrong": torch.stack(self._wrong)}
        if self._clipped:
            tensors["pending.clipped"] = torch.stack(self._clipped)
        return tensors, {"iteration": self.iteration, "warm_up_ended": self.warm_up_ended}

    def restore(self, saved: SavedState) -> None:
        """Resume from a checkpoint. Raises InputError if the checkpoint is damaged or of another network."""
        tensors = saved.tensors
        try:
            self.network.load_state_dict(
                {name.removeprefix("network."): t for name, t in tensors.items() if name.startswith("network.")}
            )
            self.iteration, self.warm_up_ended = saved.progress["iteration"], saved.progress["warm_up_ended"]
        except (ValueError, KeyError, RuntimeError) as error:
            raise saved.damaged(error) from None
        for name, parameter in self.network.named_parameters():
            if f"momentum.{name}" in tensors:
                buffer = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])
                self.optimizer.state[parameter]["momentum_buffer"] = buffer
        for kept, name in ((self._losses, "losses"), (self._wrong, "wrong"), (self._clipped, "clipped")):
            kept[:] = tensors[f"pending.{name}"].to(self.fabric.device) if f"pending.{name}" in tensors else ()
        self._rows = []
        self._batches = self._next_batches()
