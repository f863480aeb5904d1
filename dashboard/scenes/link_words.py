"""What does a page's link understand? Each scene's file says it in LINK, beside the scene; a tour's steps are checked by it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from resnet_core import assets
from resnet_core.pictures.samples import SAMPLES

Values = Collection[str] | range | None  # None: any text, as only the page knows its values


@dataclass(frozen=True)
class LinkWords:
    """What the link of a page understands, and which exhibits the page shows.

    Args:
        parameters: values by the parameter's name; "*" in a name stands for any text.
        exhibits: keys of all exhibits that the page has in any of its states; "*" as above.
    """

    parameters: Mapping[str, Values]
    exhibits: tuple[str, ...]

    def has_exhibit(self, key: str) -> bool:
        """Return whether the page has an exhibit of that key."""
        return any(fnmatchcase(key, pattern) for pattern in self.exhibits)

    def values_of(self, parameter: str) -> Values:
        """Return the values of a parameter.

        Raises:
            KeyError: the page has no such parameter.
        """
        for pattern, values in self.parameters.items():
            if fnmatchcase(parameter, pattern):
                return values
        raise KeyError(parameter)


def allows(values: Values, value: str) -> bool:
    """Return whether the value is among the values."""
    if isinstance(values, range):
        return value.isdecimal() and int(value) in values
    return values is None or value in values


BOOLEAN = ("true", "false")
STUDIES = sorted(folder.name for folder in assets.STUDIES.iterdir() if folder.is_dir())
NETWORKS: dict[str, Values] = {"pair": None, "left": None, "right": None}
LOOKED_AT: dict[str, Values] = NETWORKS | {"sample": tuple(SAMPLES), "target": None}
