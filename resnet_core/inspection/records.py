"""What is known of a network on one image? Plain data, without torch, so that figures can use it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from resnet_core.architectures import Architecture

Map = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class BlockRecord:
    """One block on one image. Norms are Euclidean over all (C, H, W) values; sd is the population's."""

    name: str  # in the state dict: "layer3.2"
    stage: str  # in the paper: "conv4_x"
    index: int  # in its stage, from 1
    output_shape: tuple[int, int, int]  # (C, H, W) of the block's output, after ReLU
    gradient_norm: float  # ‖∂y_t/∂x‖₂, x the block's output, y_t the target's logit
    mean: float  # of the output
    std: float  # of the output
    zero_fraction: float  # of the output
    response_std: float  # sd of F(x): after batch norm, before addition and ReLU, as in Figure 7 of the paper
    input_norm: float  # ‖x‖, x the block's input
    residual_norm: float | None  # ‖F(x)‖; None in a plain network
    shortcut_norm: float | None  # ‖shortcut(x)‖; None in a plain network
    activation: Map  # (H, W): mean of the output over channels
    cam: Map  # (H, W): Grad-CAM (Selvaraju et al. 2017, Eq. 1 and 2), after ReLU, not normalised

    @property
    def label(self) -> str:
        """The paper's name: conv4_3."""
        return self.stage.replace("x", str(self.index))

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
