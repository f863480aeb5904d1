"""What is looked at? The choices that pages of photographs share: two networks, a photograph, and a class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import serving, words
from dashboard.parts import link
from dashboard.parts.uploads import forget_own_photograph, own_photograph, own_weights, say_refusal
from dashboard.plain import plain
from resnet_core import InputError
from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.pictures.samples import SAMPLES

MOST_PROBABLE = "most-probable"
ANY_TWO = "any-two"
OWN = "Your photograph stays in this session; no link contains it."
OLD = {"most probable": MOST_PROBABLE, "any two": ANY_TWO}  # what links said before they held ids


@dataclass(frozen=True)
class Choice:
    """The row is where the page may put further choices."""

    row: DeltaGenerator
    names: tuple[str, str]  # references, which `serving` knows; of a matched pair the plain network, then its residual twin
    titles: tuple[str, str]  # what the page calls them
    matched: bool
    checkpoints: tuple[Checkpoint, Checkpoint]
    sample: str  # what a link shows, whatever the person's own photograph
    photograph: serving.Photograph
    classes: list[str]  # all that either network has learned, in alphabetical order
    targets: tuple[int, int]  # each network's class

    @property
    def common(self) -> Checkpoint:
        """What both networks of a matched pair have in common can be read from either."""
        return self.checkpoints[0]

    @property
    def badge(self) -> str:
        """What was measured on what."""
        common = self.common
        if not self.matched:
            return " · ".join([self.photograph.title, *(checkpoint.run for checkpoint in self.checkpoints)])
        return f"{self.photograph.title} · {common.data} · {common.recipe} recipe, seed {common.seed}"

    @property
    def key(self) -> tuple[object, ...]:
        """What the choice is, as a part of a scene's key."""
        return (*self.names, self.photograph.digest, *self.targets, self.matched)

    @property
    def provenance(self) -> tuple[str, ...]:
        """How the networks were made, and where the photograph is from; a paragraph each, as text."""
        credit = () if self.photograph.own else (f"{self.photograph.title}: {self.photograph.credit}",)
        return (*made(self.titles, self.checkpoints), *credit)


def made(titles: Iterable[str], checkpoints: Sequence[Checkpoint]) -> tuple[str, ...]:
    """How networks were made; a paragraph each, as text."""
    return tuple(
        f"{title}: {known.note} Data: {known.data}; {known.source}" for title, known in zip(titles, checkpoints, strict=True)
    )


@dataclass(frozen=True)
class Contrast:
    """What an attribution of one network is asked for: one class, or one rather than another."""

    target: int
    against: int | None
    words: str
    refusal: str = ""  # why it is not contrasted with the class that was chosen

    @classmethod
    def of(cls, known: Checkpoint, target: int, other: str | None) -> Contrast:
        name = known.labels[target]
        if other is None:
            return cls(target, None, name)
        if other == name:
            return cls(target, None, name, f"{other} cannot be contrasted with itself; you see the evidence for it alone.")
        if other not in known.labels:
            return cls(target, None, name, f"A network that has not learned {other} shows the evidence for {name} alone.")
        return cls(target, known.labels.index(other), f"{name} rather than {other}")


def usable(own: serving.Photograph | InputError | None, instead: str) -> serving.Photograph | None:
    """Return the visitor's own photograph, or None without one. If it cannot be used, the page says why, and shows `instead`."""
    if isinstance(own, InputError):
        say_refusal(own, instead)
        return None
    return own


def _own_networks() -> dict[str, str]:
    """The visitor's own weights: reference by title. Draws the upload, and what is wrong with a file."""
    taken = {}
    for title, own in own_weights(serving.own_networks).items():
        if isinstance(own, InputError):
            say_refusal(f"{title}: {own}" if title not in str(own) else own)
        else:
            taken[title] = own
    return taken


def _any_two() -> dict[str, str]:
    """Two networks that a person chose, whatever they are: reference by title. Draws the choices, and what is wrong with them."""
    usual = dict(zip(("left", "right"), next(iter(serving.pairs().values())), strict=True))
    bundled, own = {name: words.network(name) for name in serving.known_networks()}, _own_networks()
    known = {name: name for name in bundled} | own
    titles = bundled | {title: f"{title} (yours)" if title in bundled.values() else title for title in own}
    chosen: dict[str, str] = {}
    for side, instead in usual.items():
        title = link.chip(
            side.capitalize(), side, titles, instead,
            help="“… (ImageNet)” are torchvision's weights, fetched once, which needs a network.",
        )  # fmt: skip
        try:
            serving.network(known[title])
        except InputError as error:
            say_refusal(error, words.network(instead))
            title = instead
        chosen[titles[title]] = known[title]
    return chosen


def two_networks() -> tuple[bool, dict[str, str]]:
    """Whether they are a matched pair, plain and residual; and both references, by what the page calls them. Draws the choices.

    Where both are the same, the page says so and ends here.
    """
    pairs = serving.pairs()
    pair = link.chip(
        "Networks", "pair", {**{name: words.pair(name) for name in pairs}, ANY_TWO: "any two"}, old=OLD,
        help="The networks of a matched pair differ in the shortcuts alone. Or choose any two networks.",
    )  # fmt: skip
    if pair in pairs:
        return True, {words.network(name): name for name in pairs[pair]}
    named = _any_two()
    if len(named) < 2:
        st.info("Left and right are the same network; choose another one for either side.", icon=":material/difference:")
        st.stop()
    return False, named


def choose(what_for: str) -> Choice:
    """Draw the choices in one row, each in the link; `what_for`: what the class is needed for, as help."""
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        matched, named = two_networks()
        left, right = (serving.checkpoint(name) for name in named.values())
        classes = sorted({*left.labels, *right.labels})
        sample = link.chip("Photograph", "sample", list(SAMPLES), on_change=forget_own_photograph)
        own = own_photograph(serving.own_photograph)
        first_choice = "the residual network's" if matched else "the right network's"
        target = link.chip(
            "Evidence for", "target", {MOST_PROBABLE: "most probable", **{name: name for name in classes}}, old=OLD,
            help=f"{what_for} “Most probable” is {first_choice} first choice.",
        )  # fmt: skip
    photograph = usable(own, f"the sample “{sample}”") or serving.sample_photograph(sample)
    (left_title, left_name), (right_title, right_name) = named.items()
    if target == MOST_PROBABLE:
        target = right.labels[serving.most_probable(right_name, photograph)]

    def index(name: str, checkpoint: Checkpoint) -> int:
        """A network that has not learned the class shows its own first choice."""
        return checkpoint.labels.index(target) if target in checkpoint.labels else serving.most_probable(name, photograph)

    if photograph.own:
        st.info(OWN, icon=":material/lock:")
    if photograph.note:
        st.warning(plain(photograph.note), icon=":material/palette:")
    return Choice(
        row,
        names=(left_name, right_name),
        titles=(left_title, right_title),
        matched=matched,
        checkpoints=(left, right),
        sample=sample,
        photograph=photograph,
        classes=classes,
        targets=(index(left_name, left), index(right_name, right)),
    )
