"""What does a weights file say of itself? Plain data, without torch."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import Any

from resnet_core.architectures import Architecture
from resnet_core.errors import InputError


@dataclass(frozen=True)
class Checkpoint:
    """What a weights file says of itself. Pixels are squares' sides; mean and std are of channels on a scale of 0 to 1."""

    architecture: Architecture
    classes: tuple[str, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resolution: int  # pixels the network takes
    stored_resolution: int  # pixels of the training images before they were resized to that
    data: str
    source: str  # of the data, and its terms
    recipe: str
    note: str  # what a reader of its results must know
    run: str
    seed: int | None
    commit: str | None
    test_error_percent: float | None  # top-1, at the last epoch

    def class_index(self, name: str) -> int:
        """The number of the class. Raises InputError where the network has not learned it."""
        if name in self.classes:
            return self.classes.index(name)
        near = get_close_matches(name, self.classes, n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it knows {len(self.classes)} others."
        raise InputError(f"The network has no class named {name!r}; {hint}")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Checkpoint:
        """Raises ValueError, KeyError or TypeError where the text is not a checkpoint's."""
        fields: dict[str, Any] = json.loads(text)
        architecture = fields.pop("architecture")
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        return cls(architecture=Architecture(**{**architecture, "depths": tuple(architecture["depths"])}), **fields)
