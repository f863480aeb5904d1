"""What do two networks say of one photograph? The sentences of the page Compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resnet_core.inspection.records import Inspection
from resnet_core.networks.checkpoint import Checkpoint

UNSEEN = 0.10  # probability below which a network does not see the class whose evidence is shown


@dataclass(frozen=True, eq=False)
class Subject:
    """One network on the photograph.

    Args:
        title: what the page calls the network.
        reference: what `resnet_core.load` takes.
        checkpoint: what its weights say of themselves.
        inspection: what it did with the photograph, for its target.
    """

    title: str
    reference: str
    checkpoint: Checkpoint
    inspection: Inspection

    @property
    def residual(self) -> bool:
        return self.checkpoint.architecture.residual

    @property
    def first_choice(self) -> str:
        return self.checkpoint.labels[int(self.inspection.probabilities.argmax())]

    @property
    def first_percent(self) -> float:
        return 100 * float(self.inspection.probabilities.max())

    def knows(self, truths: Sequence[str]) -> bool:
        """Whether the network has learnt one of the classes that are right."""
        return not set(truths).isdisjoint(self.checkpoint.labels)

    @property
    def target(self) -> str:
        return self.checkpoint.labels[self.inspection.target]

    @property
    def target_probability(self) -> float:
        return float(self.inspection.probabilities[self.inspection.target])

    @property
    def sees_target(self) -> bool:
        """Whether the network gives its target enough for a map of evidence to mean something."""
        return self.target_probability >= UNSEEN


def agreement(pair: tuple[Subject, Subject], truths: Sequence[str]) -> str:
    """What both say, who is right where `truths` says so, and who does not see the class whose evidence is shown."""
    says = [f"{each.title} says {each.first_choice} ({each.first_percent:.0f} %)" for each in pair]
    agree = "They agree" if pair[0].first_choice == pair[1].first_choice else "They disagree"
    if any(each.knows(truths) for each in pair):
        right = [each.title for each in pair if each.first_choice in truths]
        agree = f"{agree}, and {'both are' if len(right) == 2 else f'{right[0]} is' if right else 'neither is'} right"
    blind = [each for each in pair if not each.sees_target]
    if len(blind) == 1:
        return (
            f"{agree}: {says[0]}, {says[1]}; {blind[0].title} gives {blind[0].target} {percent(blind[0].target_probability)}, "
            "so its maps show evidence for a class that it does not see."
        )
    neither = f" Neither sees {pair[0].target}, the class whose evidence is shown." if len(blind) == 2 else ""
    return f"{agree}: {says[0]}, {says[1]}.{neither}"


def percent(probability: float) -> str:
    """A probability as a percentage, with a digit after the point where it is small."""
    return f"{100 * probability:.0f} %" if probability >= UNSEEN else f"{100 * probability:.1f} %"


def gives(each: Subject) -> str:
    """What the network gives the class whose evidence is shown, and a warning where that is next to nothing."""
    seen = "" if each.sees_target else ", a class that it does not see"
    return f"it gives {each.target} {percent(each.target_probability)}{seen}"


def strip_message(each: Subject) -> str:
    """How probable the network finds the class, and how much of the picture its last block's evidence covers."""
    cam = each.inspection.blocks[-1].cam
    most = float(cam.max())
    gives = f"{each.title} gives {each.target} {percent(each.target_probability)}"
    if most <= 0:
        return f"{gives}; its last block holds no evidence for it"
    share = float((cam >= most / 2).mean())
    return f"{gives}; its strongest evidence covers {100 * share:.0f} % of the picture"


def run_message(pair: tuple[Subject, Subject], quantity: str, name: str) -> str:
    """How a quantity of the blocks (`BlockRecord`'s field), called `name`, changes on its way back, in both networks."""
    return "; ".join(
        f"{each.title}: {_from_last_to_first([getattr(b, quantity) for b in each.inspection.blocks], name)}" for each in pair
    )


def _from_last_to_first(values: Sequence[float], name: str) -> str:
    """How a quantity changes on its way back from the last block to the first."""
    first, last = values[0], values[-1]
    if not first or not last or not np.isfinite([first, last]).all():
        return f"the {name} is zero at {'the first' if not first else 'the last'} block"
    ratio = first / last
    if max(ratio, 1 / ratio) < 1.5:
        return f"the {name} arrives at the first block as it left the last"
    return (
        f"the {name} {'grows' if ratio > 1 else 'shrinks'} {max(ratio, 1 / ratio):,.3g}-fold on its way back to the first block"
    )


def response_message(pair: tuple[Subject, Subject]) -> str:
    """In how many blocks the residual network's responses are the smaller ones."""
    by_kind = {each.residual: {b.label: b.response_std for b in each.inspection.blocks} for each in pair}
    if len(by_kind) < 2:
        return "How large each block's response is"
    both = [(by_kind[True][label], by_kind[False][label]) for label in by_kind[True] if label in by_kind[False]]
    known = [(residual, plain) for residual, plain in both if residual is not None and plain is not None]
    smaller = sum(residual < plain for residual, plain in known)
    return f"The residual network's responses are smaller in {smaller} of {len(known)} blocks"
