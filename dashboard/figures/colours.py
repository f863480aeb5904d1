"""Which colour means what? The same on every page (told apart by colour-blind eyes, on light and on dark)."""

from collections.abc import Sequence

from plotly.colors import sample_colorscale

from resnet_core.inspection.attribution.catalogue import METHODS

PLAIN = "#D55E00"
RESIDUAL = "#1B7FC4"
NEUTRAL = "#77808B"  # lines and labels that belong to neither

FOR, AGAINST = "#C51B7D", "#4D9221"  # evidence with a sign: for a class, against it
HEAT = "Inferno"  # perceptually uniform, dark is low: evidence
AMOUNT = "Viridis"  # perceptually uniform: activations
SIGNED = "Balance"  # perceptually uniform, pale at zero: what has a sign and is no evidence
CSS = f"--plain: {PLAIN}; --residual: {RESIDUAL}; --for: {FOR}; --against: {AGAINST};"  # for style sheets

_SHADES = {  # from shallow to deep, over lightness: what a legend says in words, the eye finds by itself
    False: ("#E07B00", "#C64600"),
    True: ("#3E97D6", "#1B72B8"),
}


def of_depth(residual: bool, layers: int, depths: Sequence[int]) -> str:
    """The network's colour, darker the deeper it is among `depths`; of a single depth the network's own."""
    ranks = sorted(set(depths))
    if len(ranks) < 2:
        return of_network(residual)
    return sample_colorscale(list(_SHADES[residual]), [ranks.index(layers) / (len(ranks) - 1)])[0]


def of_network(residual: bool) -> str:
    return RESIDUAL if residual else PLAIN


# of attribution methods, in the order of their rows: none is a network's colour; the last two are for methods to come
_PALETTE = (
    "#009E73", "#E6A700", "#CC79A7", "#7B5EA7", "#A0522D", "#3FB8C5", "#C0392B", "#5B7553", "#8C8C2E",
)  # fmt: skip
OF_METHOD = dict(zip(METHODS, _PALETTE, strict=False))
