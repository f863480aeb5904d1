"""What do we say when the thing that a person gave us cannot be used?"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TypeVar

Item = TypeVar("Item")


class InputError(ValueError):
    """The person's input is at fault; `str(error)` is one sentence that says what is wrong and what to do.

    The command line prints it and exits with code 2, a page shows it in place. Anything else that escapes is our bug.
    """


def hint(name: str, known: Collection[str], otherwise: str | None = None, most: int = 1) -> str:
    """The end of a sentence for whoever gave an unknown name: the nearest ones (at most so many), or else `otherwise`, or all."""
    if near := get_close_matches(name, known, n=most):
        return f"did you mean {' or '.join(map(repr, near))}?"
    return otherwise or f"known are {', '.join(known)}."


def block_named(label: str, blocks: Mapping[str, Item]) -> Item:
    """Return a network's block of that label, from its blocks in forward order. Raises InputError where there is none."""
    if label not in blocks:
        labels = list(blocks)
        raise InputError(
            f"This network has no block {label!r}; {hint(str(label), labels, f'it has {labels[0]} to {labels[-1]}.')}"
        )
    return blocks[label]
