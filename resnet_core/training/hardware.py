"""On what does a training run, in which precision, and compiled or not?"""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Literal

import torch

from resnet_core.networks.architectures import Architecture
from resnet_core.runs.facts import RunFacts
from resnet_core.runs.provenance import instructions
from resnet_core.training.recipe import Recipe

Precision = Literal["32-true", "bf16-mixed"]  # in Fabric's terms


def accelerator() -> str:
    """Where trainings run, as `weights.load` chooses too: not on Apple's GPUs, which lack float64 and on which nobody tests."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def precision_of(recipe: Recipe, recorded: RunFacts | None = None) -> Precision:
    """Return the precision to train a run in, in Fabric's terms.

    An unfinished run goes on in the precision that it recorded; a new one takes what the recipe wants and the hardware has.
    """
    if recorded is not None:
        return "bf16-mixed" if recorded.precision == "bf16-mixed" else "32-true"
    if torch.cuda.is_available():
        supported = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        supported = not {"avx512_bf16", "amx_bf16"}.isdisjoint(instructions())
    return "bf16-mixed" if recipe.bfloat16 and supported else "32-true"


def compiles(architecture: Architecture, recipe: Recipe, device: torch.device, recorded: RunFacts | None = None) -> bool:
    """Return whether the long phases of a run are trained compiled.

    An unfinished run goes on as it recorded. A new run is compiled if its recipe has long phases, unless the environment
    says RESNET_LENS_COMPILE=0, as compiling takes a minute or two. Without a compiler nothing is compiled.
    """
    if recorded is not None:
        wanted = recorded.compiled
    else:
        wanted = os.environ.get("RESNET_LENS_COMPILE") != "0" and any(
            phase.worth_compiling(architecture.layers) for phase in recipe.phases
        )
    return wanted and can_compile(device)


@cache
def can_compile(device: torch.device) -> bool:
    """Return whether `torch.compile` works on the device, which takes a C++ compiler.

    Compiles a trivial function with a random constant: a function from the cache on disk would need no compiler.
    """
    addend = time.time_ns() % 2**20
    try:
        torch.compile(lambda x: x + addend, dynamic=False)(torch.zeros(1, device=device))
    except Exception:  # of many kinds, and not one of them is the caller's concern
        return False
    return True
