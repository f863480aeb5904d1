"""What is everything called? One display name per thing, and a glossary: two sentences for each term of the field."""

from __future__ import annotations

import re
from html import escape

from resnet_core.networks.checkpoint import Checkpoint
from resnet_core.studies import catalogue
from resnet_core.studies.collection import MeasurementResults, StudyResults

STUDIES = {key: study.title for key, study in catalogue.STUDIES.items()}  # by kind
_NETWORK = re.compile(r"^(torchvision:)?(plain|resnet)(\d+)(?:-[\w-]+)?$")


def network(reference: str) -> str:
    """Return what pages call a network: "plain34-tiny" is plain-34; what nobody here named keeps its own name."""
    said = _NETWORK.match(reference)
    if not said:
        return reference.removeprefix("torchvision:")
    kind, layers = "ResNet" if said[2] == "resnet" else "plain", said[3]
    return f"{kind}-{layers}{' (ImageNet)' if said[1] else ''}"


def pair(name: str) -> str:
    """Return what pages call a matched pair: "34-tiny" is "matched pair, 34 layers"."""
    layers = re.match(r"\d+", name)
    return f"matched pair, {layers[0]} layers" if layers else name


def study(found: StudyResults | MeasurementResults) -> str:
    """Return what pages call a study: what it is about, its data and its schedule; a person's own keep their folder's name."""
    if found.name.startswith("own/"):
        return f"Yours: {found.name.removeprefix('own/')}"
    iterations = [f"{count:,}" for count in sorted(found.table.iterations.unique()) if count]
    data = ", ".join(dict.fromkeys(found.data if isinstance(found, StudyResults) else found.table.data))
    schedule = f"{' or '.join(iterations)} iterations" if iterations else "not trained"
    return f"{STUDIES.get(found.kind, found.kind)} · {data} · {schedule}"


def run(name: str) -> str:
    """Return what pages call a run: "plain20-cifar-seed1" is "plain-20, seed 1"."""
    known, _, seed = name.rpartition("-seed")
    return f"{network(known)}{_variant(known)}, seed {seed}" if known else name


def _variant(name: str) -> str:
    """What tells networks of one depth apart: "plain56-cifar-no-bn" is without BN."""
    words = re.sub(r"^(plain|resnet)\d+(-cifar|-tiny)?-?", "", name).replace("-", " ")
    return f", {words}" if words else ""


def training(checkpoint: Checkpoint) -> str:
    """Return how a network was trained, in a few words."""
    seed = "" if checkpoint.seed is None else f", seed {checkpoint.seed}"
    return f"{network(checkpoint.architecture.name)} · {checkpoint.data}{seed}"


GLOSSARY = {
    "activation": "What a layer passes on for one picture. There is one map per channel.",
    "architecture": "The list of a network's layers and how they are joined. It says nothing about the weights.",
    "attribution": "A map of the pixels that moved a network's answer. It does not say whether the answer is right.",
    "batch": "The pictures that a network sees before it changes its weights once. Larger batches give steadier steps.",
    "batch norm": (
        "A layer that shifts and scales each channel to mean 0 and standard deviation 1, then to learnt values. In training it "
        "uses the batch, afterwards stored averages."
    ),
    "block": "Two or three convolutions that a shortcut may bypass. A network is a stack of blocks.",
    "bottleneck": "A block that narrows, convolves and widens again. It makes 50 layers cost about as much as 34.",
    "channel": "One of the maps that a layer passes on. Each responds to its own kind of pattern.",
    "CKA": "A number from 0 to 1 for how alike two layers describe the same pictures. It ignores rotations of the description.",
    "class": "One of the answers that a network can give, such as espresso. A network always gives one of its classes.",
    "convolution": "A small window of weights that slides over a map and sums what it covers. All positions share the weights.",
    "cross-entropy": (
        "The loss of a classifier: minus the logarithm of the probability that it gives the right class. It is 0 if the "
        "network is "
        "certain and right."
    ),
    "degradation": "More layers make a plain network worse even on the pictures that it was trained on. So it is not "
    "overfitting.",
    "deletion and insertion": (
        "A test of an attribution: its strongest pixels are removed, or added, first. If they matter, the answer changes fast."
    ),
    "epoch": "One pass over all training pictures. It takes many iterations.",
    "F(x)": "What the layers of a block compute from its input x. In a residual block it is added to x.",
    "feature map": "A grid of numbers that says where one channel found its pattern. Later maps are smaller and stand for more "
    "complex patterns.",
    "gradient": "How much the loss would change with a weight or a value. Training uses it to make the loss smaller.",
    "gradient norm": ("The length of a gradient, over all its values. It says how strong a signal is, not where it points."),
    "Grad-CAM": "A map of where the evidence for a class lies in a block's output. Channels are weighted by their mean gradient.",
    "guided backprop": "A gradient that drops negative signals at every ReLU. It draws sharp edges, even for random networks.",
    "identity": "A function that passes its input on unchanged. A shortcut is an identity wherever input and output have the "
    "same size.",
    "iteration": "One change of all weights, after one batch. On CIFAR-10 the paper trains for 64,000 iterations.",
    "kernel": "The weights of one convolution's window, such as 3 × 3. Each output channel has its own.",
    "layer": "One step of a network. Depth counts the layers with weights.",
    "learning rate": "How far each iteration moves the weights. Too high and the loss jumps; too low and nothing happens.",
    "lesion": "The removal of a block from a trained network, to see what breaks. The block's input then goes straight to the "
    "next.",
    "logit": "A network's score for one class before it becomes a probability. Only differences between logits matter.",
    "loss": "The number that training makes small. For classifiers it is the cross-entropy.",
    "matched pair": (
        "A plain and a residual network with the same layers, data and initial weights. They differ only in the shortcuts."
    ),
    "multiply-adds": "How many times a network multiplies and adds for one picture. It is a measure of cost.",
    "overfitting": "A network does well on its training pictures and badly on new ones. Degradation is something else.",
    "parameter": "A number that training adjusts: a weight or a bias. Deeper networks have more of them.",
    "plain network": "A stack of layers without shortcuts. Every block replaces what it is given.",
    "projection": (
        "A 1 × 1 convolution on a shortcut where the number of channels changes. It has weights; the identity has none."
    ),
    "ReLU": "A function that keeps positive values and turns negative ones into 0. It stands after almost every convolution.",
    "residual network": "A network whose blocks add their input to what they compute. Each block then learns only the change.",
    "seed": "The number that fixes the random weights and the order of the pictures. Several seeds show how much is chance.",
    "shattered gradients": (
        "Gradients of neighbouring inputs that point in unrelated directions. Each step then helps one picture alone."
    ),
    "shortcut": "The line that carries a block's input past its layers to the addition. It is all that a residual network has "
    "in addition.",
    "SmoothGrad": "A gradient averaged over noisy copies of the picture. The average is less grainy than one gradient.",
    "softmax": "The function that turns logits into probabilities that sum to 1. It makes small leads large.",
    "spread over seeds": "How far results lie apart when only the seed changes. A difference smaller than it proves nothing.",
    "stage": "The blocks whose maps have the same size, such as conv3_x. From stage to stage, the maps halve and the channels "
    "double.",
    "standard deviation": "How far values typically lie from their mean. Here usually over seeds, or over the values of a map.",
    "test error": "The percentage of new pictures that a network gets wrong. It says how well it generalises.",
    "top-1 error": "The percentage of pictures whose most probable class is wrong. Top-5 counts the five most probable.",
    "training error": "The percentage of the training pictures that a network gets wrong. Degradation shows here.",
    "vanishing gradient": "A gradient that shrinks from block to block on its way back. Early layers then hardly learn.",
    "weight": "A number by which a layer multiplies its input. Training finds it.",
}
_TERMS = re.compile(
    r"(?<![\w-])(" + "|".join(re.escape(term) for term in sorted(GLOSSARY, key=len, reverse=True)) + r")(s?)(?![\w-])",
    re.IGNORECASE,
)
_BY_LOWER = {term.lower(): term for term in GLOSSARY}


def from_markdown(text: str) -> str:
    """Return Markdown of our own as plain text, on one line; a study in *italics* or `code` is called as pages call it."""
    named = re.sub(r"([*`])([a-z][a-z0-9-]*)\1", lambda said: f"“{STUDIES[said[2]]}”" if said[2] in STUDIES else said[0], text)
    return re.sub(r"[*`]", "", named).replace("\n", " ")


_HELD = "\N{NO-BREAK SPACE}"
_PRINTED = (
    (re.compile(r"(?<=\d) (?=%)|(?<=[\d%]) (?=[±×])|(?<=[±×]) (?=\d)"), _HELD),  # no line ends between a number and its unit
    (re.compile(r"(?<=[\s(])-(?=\d)"), "\N{MINUS SIGN}"),
    (re.compile(r"(?:^|(?<=[.!?] ))plain(?=[- ])"), "Plain"),  # a sentence begins with a capital
)


def typeset(text: str) -> str:
    """Return a sentence as it is printed: numbers held to their units, true minus signs, a capital at its start."""
    for pattern, printed in _PRINTED:
        text = pattern.sub(printed, text)
    return text


def explained(text: str, used: set[str]) -> str:
    """Return the text as HTML, with an explanation that opens at the first use of each term.

    Args:
        used: terms that the page has explained already; those explained here are added.
    """
    parts: list[str] = []
    last, text = 0, typeset(text)
    for found in _TERMS.finditer(text):
        term = _BY_LOWER[found[1].lower()]
        if term in used:
            continue
        used.add(term)
        parts.append(escape(text[last : found.start()]))
        gloss = f'<span class="gloss" role="tooltip">{escape(GLOSSARY[term])}</span>'
        parts.append(f'<span class="term" tabindex="0">{escape(found[0])}{gloss}</span>')
        last = found.end()
    return "".join([*parts, escape(text[last:])])
