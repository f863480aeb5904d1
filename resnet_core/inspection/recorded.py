"""Which answers are kept? An `Inspection` as one file of arrays, read again without torch."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from resnet_core.atomic import save_npz
from resnet_core.inspection.records import BlockRecord, Inspection
from resnet_core.networks.architectures import architecture

_MAPS = ("activation", "cam")


def save_inspection(path: str | Path, inspection: Inspection, **facts: Any) -> None:
    """Write the inspection of a registered network as .npz.

    Args:
        facts: what else a reader needs, such as the photograph and the names of the classes; JSON.
    """
    assert inspection.architecture is not None
    scalars = [field.name for field in fields(BlockRecord) if field.name not in _MAPS]
    blocks = [{name: getattr(block, name) for name in scalars} for block in inspection.blocks]
    scores = {"target": inspection.target, "seconds": inspection.seconds}
    words = {"architecture": inspection.architecture.name, **scores, "blocks": blocks, **facts}
    arrays: dict[str, Any] = {"words": json.dumps(words), "logits": inspection.logits, "probabilities": inspection.probabilities}
    arrays |= {f"{name} {i}": getattr(block, name) for i, block in enumerate(inspection.blocks) for name in _MAPS}
    save_npz(path, arrays)


def load_inspection(path: str | Path) -> tuple[Inspection, dict[str, Any]]:
    """Read a file of `save_inspection`. Returns the inspection, and the facts that were saved with it."""
    with np.load(path, allow_pickle=False) as arrays:
        words = json.loads(str(arrays["words"]))
        blocks = tuple(
            BlockRecord(
                **block | {"output_shape": tuple(block["output_shape"])}, **{name: arrays[f"{name} {i}"] for name in _MAPS}
            )
            for i, block in enumerate(words.pop("blocks"))
        )
        inspection = Inspection(
            architecture(words.pop("architecture")), arrays["logits"], arrays["probabilities"], words.pop("target"), blocks,
            words.pop("seconds"),
        )  # fmt: skip
    return inspection, words
