"""Which popular sentences are measured? A row each."""

from __future__ import annotations

from dashboard.scenes.myth import Myth
from dashboard.scenes.myths_of_errors import batch_norm_solves_it, more_layers, overfitting
from dashboard.scenes.myths_of_signals import ensemble, f_is_small, vanishing

MYTHS = {
    myth.key: myth
    for myth in (
        Myth(
            "vanishing", "Gradients vanish in plain networks.", "gradient at the first block ÷ at the last",
            ("depth",), vanishing,
            "This is before training; the page Gradient flow follows it through training. The scale of the initial weights "
            "causes "
            "a part of the fading.",
        ),
        Myth(
            "overfitting", "Deep plain networks do worse because they overfit.", "error after training", ("race", "race-long"),
            overfitting, "These are small networks on easy digits: they show how fast networks learn, not where larger ones "
            "would end.",
        ),
        Myth(
            "batch-norm", "Batch norm already solves it.", "error on training digits", ("gradients", "race", "race-long"),
            batch_norm_solves_it,
            "All have one learning rate, and gradients are clipped; nobody looked for the best rate of each network.",
        ),
        Myth(
            "more-layers", "More layers can only help.", "training error, 56 minus 20 layers, points",
            ("figure6-x0.025", "figure6-x0.1", "figure6-x0.2"), more_layers,
            "There are only two depths, one learning rate, and far fewer iterations than in the paper; the longer trainings "
            "have one "
            "seed.",
        ),
        Myth(
            "small-f", "The residual function F is small.", "standard deviation of F(x), before addition and ReLU",
            ("figure6-x0.025", "depth"), f_is_small,
            "These trainings are short: how small F becomes in a converged network is not measured here.",
        ),
        Myth(
            "ensemble", "A ResNet is an ensemble of shallow networks.", "length of the gradient's paths ÷ of all paths",
            ("paths-x0.1", "lesion-x0.1"), ensemble,
            "Paths that carry the gradient are not the ones that compute: forward, the image takes all of them.",
        ),
    )
}  # fmt: skip
