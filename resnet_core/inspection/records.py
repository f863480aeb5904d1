"""What is known of a network on one image? Plain data, without torch, so that figures can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from resnet_core.atomic import save_npz
from resnet_core.errors import InputError, block_named
from resnet_core.inspection import html
from resnet_core.networks.architectures import Architecture, block_label

Map = NDArray[np.float32]
RANDOM_ORDERS = 5  # of pixels, that deletion and insertion by an attribution are compared with
Sort = Literal["index", "mean", "variance", "energy", "class gradient", "similarity"]


@dataclass(frozen=True, eq=False)
class BlockRecord:
    """One block on one image. Norms are Euclidean over all (C, H, W) values; sd is the population's."""

    name: str  # in the state dict: "layer3.2"
    stage: str  # in the paper: "conv4_x"; "stage3_x" in a ConvNeXt; the parent's path in a described network
    index: int  # in its stage, from 1
    output_shape: tuple[int, int, int]  # (C, H, W) of the block's output, after ReLU
    gradient_norm: float  # ‖∂y_t/∂x‖₂, x the block's output, y_t the target's logit
    mean: float  # of the output
    std: float  # of the output
    zero_fraction: float  # of the output
    response_std: float | None  # sd of F(x): after batch norm, before addition and ReLU, as in Figure 7; None: F(x) is not known
    input_norm: float  # ‖x‖, x the block's input
    residual_norm: float | None  # ‖F(x)‖; None in a plain network, and where F(x) is not known
    shortcut_norm: float | None  # ‖shortcut(x)‖; None as above
    activation: Map  # (H, W): mean of the output over channels
    cam: Map  # (H, W): Grad-CAM (Selvaraju et al. 2017, Eq. 1 and 2), after ReLU, not normalised

    @property
    def label(self) -> str:
        """The paper's "conv4_3", "stage3_2" in a ConvNeXt, the module's path in a described network."""
        return block_label(self.name, self.stage, self.index)

    @property
    def residual_ratio(self) -> float | None:
        """‖F(x)‖ / ‖x‖; None in a plain network, where F(x) is not known, and where x is zero."""
        return self.residual_norm / self.input_norm if self.residual_norm is not None and self.input_norm else None

    def numbers(self) -> dict[str, Any]:
        """All but the maps, as a row of a table."""
        maps = ("activation", "cam")
        return {"block": self.label} | {field.name: getattr(self, field.name) for field in fields(self) if field.name not in maps}


@dataclass(frozen=True, eq=False, repr=False)
class Inspection:
    """What every block of a network does to one image, and for one class. `inspection["conv4_3"]` is a block's record."""

    architecture: Architecture | None  # None: a network that `Architecture` cannot describe, such as a ResNeXt
    logits: NDArray[np.float32]  # (classes,)
    probabilities: NDArray[np.float32]  # (classes,)
    target: int
    blocks: tuple[BlockRecord, ...]  # in forward order
    seconds: float  # of both passes and the records
    network: str = ""  # the checkpoint's run, the architecture's name, or the name of the network's class
    labels: tuple[str, ...] = ()  # the classes' names, each once; empty where the network does not say them

    def __getitem__(self, block: str) -> BlockRecord:
        """Return the record of the block of that label, "conv4_3". Raises InputError where there is none."""
        return block_named(block, {record.label: record for record in self.blocks})

    @property
    def table(self) -> pd.DataFrame:
        """A row a block, by its label; all numbers of its record."""
        return pd.DataFrame([record.numbers() for record in self.blocks]).set_index("block")

    @property
    def top(self) -> pd.DataFrame:
        """The five most probable classes: columns class, index, probability."""
        best = np.argsort(-self.probabilities, kind="stable")[:5]
        return pd.DataFrame(
            {"class": [self.label(i) for i in best], "index": best, "probability": self.probabilities[best].astype(float)}
        )

    def label(self, index: int) -> str:
        """Return the class's name; "class 3" where the network does not say it."""
        return self.labels[index] if self.labels else f"class {index}"

    def __repr__(self) -> str:
        first, last = self.blocks[0].label, self.blocks[-1].label
        target = f"{self.label(self.target)!r} at {self.probabilities[self.target]:.1%}"
        return f"Inspection({self.network or 'network'}: {target}, {len(self.blocks)} blocks {first} to {last})"

    def _repr_html_(self) -> str:
        cams = [html.picture(record.cam, record.label) for record in self.blocks]
        head = f"<p>{html.text(self.network)}: Grad-CAM for {html.text(self.label(self.target))}, each block on its own scale</p>"
        return self.top.to_html(index=False, float_format="{:.1%}".format) + head + html.side_by_side(cams)

    def save(self, path: str | Path) -> None:
        """Write an .npz file: what the network answered, a column of numbers for all blocks each, and every block's maps.

        Raises:
            InputError: the path does not end in .npz, or cannot be written.
        """
        table = self.table.reset_index()
        numbers = {name: np.array(column.tolist()) for name, column in table.dropna(axis=1).items()}
        maps = {f"{kind} {record.label}": getattr(record, kind) for record in self.blocks for kind in ("activation", "cam")}
        answer = {"network": self.network, "target": self.target, "target_label": self.label(self.target)}
        answers = {"logits": self.logits, "probabilities": self.probabilities}
        save_npz(path, {**answer, **answers, **{str(name): column for name, column in numbers.items()}, **maps})


Result = TypeVar("Result")


class Batch(tuple[Result, ...]):
    """The answers to one question for several images, in the images' order."""

    __slots__ = ()

    @property
    def table(self) -> pd.DataFrame:
        """Return the tables of all images as one; the first index level, "image", counts from 0."""
        return pd.concat({i: answer.table for i, answer in enumerate(self)}, names=["image"])  # type: ignore[attr-defined]

    def _repr_html_(self) -> str:
        return "".join(answer._repr_html_() for answer in self)  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False, repr=False)
class FeatureMaps:
    """Every channel at the places of one block, on one image. `maps["F(x)"]` are the channels at one place.

    Places, in forward order, where the block has them: "x" (its input), "conv1", "bn1", "conv2", "bn2", "conv3", … (the
    children of the block's module that return a map), "F(x)" (before the addition), "shortcut" (x itself where nothing stands
    on it), "sum" (F(x) + shortcut, before the last activation), "output" (after it). In a plain network, and where F(x) is not
    known, there is no "shortcut" and no "sum".
    """

    block: str  # its label: "conv4_3"
    target: int
    maps: Mapping[str, Map]  # by place, (C, H, W)
    class_gradients: Mapping[str, Map]  # by place, (C,): mean over places of ∂y_t/∂map, Grad-CAM's weight of the channel
    target_label: str = ""  # the class's name; empty where the network does not say it

    def __getitem__(self, place: str) -> Map:
        """Return all channels at a place, (C, H, W). Raises InputError where the block has no such place."""
        if place not in self.maps:
            raise InputError(f"{self.block} of this network has no {place!r}; it has {', '.join(self.maps)}.")
        return self.maps[place]

    @property
    def table(self) -> pd.DataFrame:
        """A row a place and channel: mean, sd and fraction of zeros of its map, and the mean of its class gradient."""
        tables = {
            place: pd.DataFrame(
                {
                    "mean": maps.mean((1, 2)),
                    "std": maps.std((1, 2)),
                    "zero_fraction": (maps == 0).mean((1, 2)),
                    "class_gradient": self.class_gradients[place],
                }
            )
            for place, maps in self.maps.items()
        }
        return pd.concat(tables, names=["place", "channel"])

    def __repr__(self) -> str:
        shapes = ", ".join(f"{place} {maps.shape}" for place, maps in self.maps.items())
        return f"FeatureMaps({self.block}, {self.target_label or f'class {self.target}'!r}: {shapes})"

    def _repr_html_(self) -> str:
        means = [html.picture(np.abs(maps).mean(0), place) for place, maps in self.maps.items()]
        head = f"<p>{html.text(self.block)}: mean of all channels' sizes, each place on its own scale</p>"
        return head + html.side_by_side(means)

    def statistics(self, place: str, like: int) -> dict[Sort, Map]:
        """(C,) each: mean, variance and energy (mean square) over positions, class gradient, and similarity.

        similarity: Pearson's correlation with the channel `like` over positions; 0 where one of both is constant.
        """
        flat = self.maps[place].reshape(len(self.maps[place]), -1)
        mean, variance = flat.mean(1), flat.var(1)
        centred = flat - mean[:, None]
        norms = np.linalg.norm(centred, axis=1)
        scale = norms * norms[like]
        similarity = np.divide(centred @ centred[like], scale, out=np.zeros_like(scale), where=scale > 0)
        return {
            "index": np.arange(len(flat), dtype=np.float32),
            "mean": mean,
            "variance": variance,
            "energy": np.square(flat).mean(1),
            "class gradient": self.class_gradients[place],
            "similarity": similarity,
        }

    def save(self, path: str | Path) -> None:
        """Write block, target, and the maps and class gradients of every place as .npz. Raises InputError where that fails."""
        fields: dict[str, Any] = {"block": self.block, "target": self.target, **self.maps}
        fields |= {f"class gradients of {place}": values for place, values in self.class_gradients.items()}
        save_npz(path, fields)
