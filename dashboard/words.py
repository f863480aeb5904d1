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
    "activation": "What a layer passes on for one picture. It has one map per channel.",
    "architecture": "The list of a network's layers and how they are joined. It says nothing about the weights.",
    "attribution": "A map of the pixels that moved a network's answer. It does not say whether the answer is right.",
    "batch": "The pictures that a network sees before it changes its weights once. Larger batches give steadier steps.",
    "batch norm": (
        "A layer that shifts and scales each channel to mean 0 and standard deviation 1, then to learnt values. In training it "
        "uses the batch, afterwards stored averages."
    ),
    "block": "Two or three convolutions that a shortcut may bridge. A network is a stack of blocks.",
    "bottleneck": "A block that narrows, convolves and widens again. It makes 50 layers cost about as much as 34.",
    "channel": "One of the maps that a layer passes on. Each answers to its own kind of pattern.",
    "CKA": "A number from 0 to 1 for how alike two layers describe the same pictures. It ignores rotations of the description.",
    "class": "One of the answers that a network can give, such as espresso. It always gives one of them.",
    "convolution": "A small window of weights that slides over a map and sums what it covers. All positions share the weights.",
    "cross-entropy": (
        "The loss of a classifier: minus the logarithm of what it gives the right class. It is 0 when it is certain and right."
    ),
    "degradation": "More layers make a plain network worse even on the pictures it was trained on. So it is not overfitting.",
    "deletion and insertion": (
        "A test of an attribution: remove or add its strongest pixels first. If they matter, the answer changes fast."
    ),
    "epoch": "One pass over all training pictures. It takes many iterations.",
    "F(x)": "What the layers of a block make of its input x. In a residual block it is added to x.",
    "feature map": "A grid of numbers that says where one channel found its pattern. Later maps are smaller and mean more.",
    "gradient": "How much the loss would change with a weight or a value. Training follows it downhill.",
    "gradient norm": (
        "The length of a gradient, taken over all its values. It says how strong a signal arrives, not where it points."
    ),
    "Grad-CAM": "A map of where the evidence for a class lies in a block's output. Channels are weighted by their mean gradient.",
    "guided backprop": "A gradient that drops negative signals at every ReLU. It draws sharp edges, even for random networks.",
    "identity": "A function that passes its input on unchanged. Shortcuts are identities wherever sizes agree.",
    "iteration": "One change of all weights, after one batch. The paper trains CIFAR-10 for 64,000.",
    "kernel": "The weights of one convolution's window, such as 3 × 3. Each output channel has its own.",
    "layer": "One step of a network. Depth counts the layers with weights.",
    "learning rate": "How far each iteration moves the weights. Too high and the loss jumps; too low and nothing happens.",
    "lesion": "A block that is removed from a trained network to see what breaks. The input then passes it by.",
    "logit": "A network's score for one class before it becomes a probability. Only differences between logits matter.",
    "loss": "The number that training makes small. For classifiers it is the cross-entropy.",
    "matched pair": (
        "A plain and a residual network with the same layers, data and initial weights. They differ in the shortcuts alone."
    ),
    "multiply-adds": "How many times a network multiplies and adds for one picture. It is a measure of cost.",
    "overfitting": "A network learns its training pictures well and new ones badly. Degradation is something else.",
    "parameter": "A number that training adjusts: a weight or a bias. Deeper networks have more of them.",
    "plain network": "A stack of layers without shortcuts. Every block replaces what it is given.",
    "projection": (
        "A 1 × 1 convolution on a shortcut where the number of channels changes. It has weights; the identity has none."
    ),
    "ReLU": "A function that keeps positive values and turns negative ones into 0. It stands after almost every convolution.",
    "residual network": "A network whose blocks add their input to their output. Each block then learns only the change.",
    "seed": "The number from which random weights and the order of pictures follow. Several seeds show how much is chance.",
    "shattered gradients": (
        "Gradients of neighbouring inputs that point in unrelated directions. Each step then helps one picture alone."
    ),
    "shortcut": "The line that carries a block's input past its layers to the addition. It is all that a residual network adds.",
    "SmoothGrad": "A gradient averaged over noisy copies of the picture. The average is less grainy than one gradient.",
    "softmax": "The function that turns logits into probabilities which sum to 1. It makes small leads large.",
    "spread over seeds": "How far results lie apart when only the seed changes. A difference smaller than it proves nothing.",
    "stage": "Blocks whose maps have one size, such as conv3_x. Between stages maps halve and channels double.",
    "standard deviation": "How far values lie from their mean, typically. Here usually over seeds or over the values of a map.",
    "test error": "Percent of new pictures that a network gets wrong. It says how well it generalises.",
    "top-1 error": "Percent of pictures whose most probable class is wrong. Top-5 counts the five most probable.",
    "training error": "Percent of the training pictures that a network gets wrong. Degradation shows here.",
    "vanishing gradient": "A gradient that shrinks from block to block on its way back. Early layers then hardly learn.",
    "weight": "A number by which a layer multiplies. Training finds it.",
}
_TERMS = re.compile(
    r"(?<![\w-])(" + "|".join(re.escape(term) for term in sorted(GLOSSARY, key=len, reverse=True)) + r")(s?)(?![\w-])",
    re.IGNORECASE,
)
_BY_LOWER = {term.lower(): term for term in GLOSSARY}


def explained(text: str, used: set[str]) -> str:
    """Return the text as HTML, with an explanation that opens at the first use of each term.

    Args:
        used: terms that the page has explained already; those explained here are added.
    """
    parts: list[str] = []
    last = 0
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
