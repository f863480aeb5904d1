"""What is looked at? The choices that pages of photographs share: a matched pair, a photograph, and a class."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import resources
from dashboard.state import explain_unknown, forget_own_photograph, own_photograph
from resnet_core import InputError
from resnet_core.checkpoint import Checkpoint
from resnet_core.images import SAMPLES

MOST_PROBABLE = "most probable"


@dataclass(frozen=True)
class Choice:
    """The row is where the page may put further choices."""

    row: DeltaGenerator
    names: tuple[str, str]  # the plain network, then its residual twin
    checkpoints: tuple[Checkpoint, Checkpoint]
    sample: str  # what a link shows, whatever the person's own photograph
    photograph: resources.Photograph
    target: int  # the class

    @property
    def common(self) -> Checkpoint:
        """What both networks have in common can be read from either."""
        return self.checkpoints[0]

    @property
    def source(self) -> str:
        """Where the photograph is from, for a caption."""
        own = "Your photograph stays in this session: no link can hold it."
        return own if self.photograph.own else f"Source: {self.photograph.credit}"

    @property
    def badge(self) -> str:
        """What was measured on what."""
        common = self.common
        return f"{self.photograph.title} · {common.data} · {common.recipe} recipe, seed {common.seed}"


def decoded(own: bytes | None, instead: str) -> resources.Photograph | None:
    """A person's own photograph; None where there is none, or none in its bytes: then the page says why, and `instead`."""
    if own:
        try:
            return resources.own_photograph(own)
        except InputError as error:
            st.error(f"{error} Until then you see {instead}.", icon=":material/broken_image:")
    return None


def choose(what_for: str) -> Choice:
    """Draw the choices in one row, each in the link; `what_for`: what the class is needed for, as help."""
    pairs = resources.pairs()
    explain_unknown({"pair": pairs, "sample": SAMPLES})
    row = st.container(horizontal=True, vertical_alignment="bottom")
    with row:
        names = pairs[st.selectbox("Matched pair", list(pairs), key="pair", bind="query-params", width=120)]
        plain, residual = (resources.checkpoint(name) for name in names)
        explain_unknown({"target": [MOST_PROBABLE, *plain.classes]})
        sample = st.selectbox(
            "Photograph", list(SAMPLES), key="sample", bind="query-params", width=150, on_change=forget_own_photograph
        )
        own = own_photograph()
        target = st.selectbox(
            "Evidence for", [MOST_PROBABLE, *sorted(plain.classes)], key="target", bind="query-params", width=230,
            help=f"{what_for} “Most probable” is the residual network's first choice.",
        )  # fmt: skip
    photograph = decoded(own, f"the sample “{sample}”") or resources.sample_photograph(sample)
    index = resources.most_probable(names[1], photograph) if target == MOST_PROBABLE else plain.classes.index(target)
    return Choice(row, names, (plain, residual), sample, photograph, index)
