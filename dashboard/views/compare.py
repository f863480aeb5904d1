"""Compare: two networks, a photograph, a class, a block."""

from functools import partial

from dashboard import serving
from dashboard.figures.overlay import SCALES
from dashboard.parts import link
from dashboard.parts.pickers import choose
from dashboard.parts.show import begin, more
from dashboard.scenes.compare import compare
from dashboard.scenes.compare_words import Subject
from resnet_core.networks.architectures import all_blocks

page = begin("compare")
chosen = choose("The class whose evidence Grad-CAM and the gradients trace.")
architectures = [checkpoint.architecture for checkpoint in chosen.checkpoints]
twins = architectures[0].block_labels == architectures[1].block_labels and architectures[0].residual != architectures[1].residual
with chosen.row:
    block = link.chip("Block", "block", all_blocks(architectures)[::-1])  # at first, the last one
with chosen.row, more():
    scale = link.segmented(
        "Colour scale", "scale", list(SCALES), help="; ".join(f"**{name}**: {words}" for name, words in SCALES.items())
    )
    difference = link.toggle(
        "Difference", "difference", disabled=not twins,
        help="Residual minus plain, block by block; of a plain and a residual network with the same blocks.",
    )  # fmt: skip
found = serving.inspections(chosen.names, chosen.photograph, chosen.targets)
pair = [Subject(*each) for each in zip(chosen.titles, chosen.names, chosen.checkpoints, found, strict=True)]
scene = serving.scene(
    ("compare", *chosen.key, scale, block, difference),
    partial(
        compare,
        (pair[0], pair[1]),
        matched=chosen.matched,
        picture=chosen.photograph.shown,
        photograph=chosen.photograph.title,
        truths=chosen.photograph.classes,
        scale=scale,
        block=block,
        difference=difference,
        badge=chosen.badge,
        provenance=chosen.provenance,
        paper=serving.paper()["imagenet_10crop_top1_error_percent"],
    ),
)
strips = [f"strip-{title}" for title in chosen.titles]
page.show(scene, {key: partial(link.choose_point, "block", key) for key in (*strips, "strip-difference")})
