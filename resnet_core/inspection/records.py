"""What is known of a network on one image? Plain data, without torch, so that figures can use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from resnet_core.atomic import save_arrays
from resnet_core.networks.architectures import Architecture

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
        return f"{self.stage[:-1]}{self.index}" if self.stage.endswith("_x") else self.name

    @property
    def residual_ratio(self) -> float | None:
        """‖F(x)‖ / ‖x‖; None in a plain network, where F(x) is not known, and where x is zero."""
        return self.residual_norm / self.input_norm if self.residual_norm is not None and self.input_norm else None

    def numbers(self) -> dict[str, Any]:
        """All but the maps, as a row of a table."""
        maps = ("activation", "cam")
        return {"block": self.label} | {field.name: getattr(self, field.name) for field in fields(self) if field.name not in maps}


@dataclass(frozen=True, eq=False)
class Inspection:
    architecture: Architecture | None  # None: a network that `Architecture` cannot describe, such as a ResNeXt
    logits: NDArray[np.float32]  # (classes,)
    probabilities: NDArray[np.float32]  # (classes,)
    target: int
    blocks: tuple[BlockRecord, ...]
    seconds: float  # of both passes and the records


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """Every channel at the places of one block, on one image.

    Places, in forward order, where the block has them: "x" (its input), "conv1", "bn1", "conv2", "bn2", "conv3", … (the
    children of the block's module that return a map), "F(x)" (before the addition), "shortcut" (x itself where nothing stands
    on it), "sum" (F(x) + shortcut, before the last activation), "output" (after it). In a plain network, and where F(x) is not
    known, there is no "shortcut" and no "sum".
    """

    block: str  # its label: "conv4_3"
    target: int
    maps: Mapping[str, Map]  # by place, (C, H, W)
    class_gradients: Mapping[str, Map]  # by place, (C,): mean over places of ∂y_t/∂map, Grad-CAM's weight of the channel

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
        """As .npz: block, target, and every place's maps and class gradients. Raises InputError where it cannot be written."""
        fields: dict[str, Any] = {"block": self.block, "target": self.target, **self.maps}
        fields |= {f"class gradients of {place}": values for place, values in self.class_gradients.items()}
        save_arrays(path, fields)
