"""What does a weights file say of itself? Plain data, without torch."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, SupportsIndex

from resnet_core.errors import InputError, hint
from resnet_core.networks.architectures import Architecture

_INDEXED = re.compile(r"(?:(.*) )?#([0-9]{1,9})", re.DOTALL)  # a label that ends with its class's index
SMALLEST, LARGEST = 8, 4096  # pixels of the square that a network takes


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

    def __post_init__(self) -> None:
        if (
            not isinstance(self.classes, tuple)
            or len(self.classes) != self.architecture.num_classes
            or not all(isinstance(name, str) for name in self.classes)
        ):
            raise InputError(f"There must be {self.architecture.num_classes} class names, not {str(self.classes)[:60]}.")
        numbers = (*self.mean, *self.std)
        are_numbers = all(type(number) in (int, float) and math.isfinite(number) for number in numbers)
        if len(self.mean) != 3 or len(self.std) != 3 or not are_numbers or min(self.std) <= 0:
            raise InputError(f"mean and std must be three finite numbers each, std above 0, not {self.mean} and {self.std}.")
        for pixels in (self.resolution, self.stored_resolution):
            if type(pixels) is not int or not SMALLEST <= pixels <= LARGEST:
                raise InputError(f"A resolution must be {SMALLEST} to {LARGEST} pixels, not {pixels!r}.")
        words = {name: getattr(self, name) for name in ("data", "source", "recipe", "note", "run", "commit")}
        for name, said in words.items():
            if not isinstance(said, str) and not (name == "commit" and said is None):
                raise InputError(f"{name} must be a text, not {str(said)[:60]!r}.")
        if self.seed is not None and type(self.seed) is not int:
            raise InputError(f"A seed must be a whole number, not {str(self.seed)[:60]!r}.")
        error = self.test_error_percent
        if error is not None and (type(error) not in (int, float) or not 0 <= error <= 100):
            raise InputError(f"A test error must be 0 to 100 percent, not {str(error)[:60]!r}.")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Return a unique label for every class: its name, followed by its index where two classes share a name ("crane #2")."""
        repeated = Counter(self.classes)
        return tuple(
            f"{name} #{i}" if repeated[name] > 1 or _INDEXED.fullmatch(name) else name for i, name in enumerate(self.classes)
        )

    def class_index(self, target: str | int) -> int:
        """Find a class.

        Args:
            target: its index, its name, its label ("crane #2"), or # and its index ("#2").

        Raises:
            InputError: the network has no such class, or several of that name.
        """
        if not isinstance(target, str):
            if isinstance(target, bool) or not isinstance(target, SupportsIndex) or not 0 <= int(target) < len(self.classes):
                raise InputError(f"A class must be a name or an index from 0 to {len(self.classes) - 1}, not {target!r}.")
            return int(target)
        if match := _INDEXED.fullmatch(target):
            name, index = match[1], int(match[2])
            if index < len(self.classes) and name in (None, self.classes[index]):
                return index
        indices = [i for i, name in enumerate(self.classes) if name == target]
        if len(indices) > 1:
            choices = " or ".join(f"'#{i}'" for i in indices[:5])
            raise InputError(f"The network has {len(indices)} classes named {target[:60]!r}; name one by its index: {choices}.")
        if indices:
            return indices[0]
        others = f"it knows {len(self.classes)} others."
        raise InputError(f"The network has no class named {target[:60]!r}; {hint(target, self.classes, others, most=3)}")

    def check_classes(self, classes: tuple[str, ...], data: str) -> None:
        """Raise InputError unless the network has learned the classes of the data."""
        if self.classes != classes:
            raise InputError(f"{self.run} has learned other classes than those of {data}; name its own data with --data.")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Checkpoint:
        """Raises ValueError, KeyError or TypeError where the text is not a checkpoint's."""
        fields: dict[str, Any] = json.loads(text)
        if not isinstance(fields, dict):
            raise TypeError("it is not a JSON object")
        architecture = fields.pop("architecture")
        fields = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
        return cls(architecture=Architecture.from_fields(architecture), **fields)
