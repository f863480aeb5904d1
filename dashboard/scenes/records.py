"""What does a word mean, and what is this program? The scenes of the pages Glossary and About."""

from __future__ import annotations

from html import escape

from dashboard.scenes.exhibit import Gallery
from dashboard.scenes.scene import Scene
from dashboard.words import GLOSSARY

ABOUT = (
    ("What it is", "ResNet Lens compares plain networks with residual networks that differ only in their shortcuts."),
    ("What it rests on", "Every number is computed as you look, recorded in a run of ours, or quoted with its source."),
    ("The paper", "He, Zhang, Ren, Sun: Deep Residual Learning for Image Recognition, 2015 (arXiv:1512.03385)."),
    ("Your files", "Photographs and weights that you bring stay in your session on this server. No link contains them."),
    ("Keys", "P starts and leaves present mode. Tab moves from control to control. In a figure that can be clicked, "
    "left and right arrows choose; the “i” beside it opens its source and files."),
)  # fmt: skip


def glossary() -> Scene:
    """Return the scene of all terms in alphabetical order."""
    terms = sorted(GLOSSARY, key=str.lower)
    body = "".join(f"<dt><b>{escape(term)}</b></dt><dd>{escape(GLOSSARY[term])}</dd>" for term in terms)
    return Scene(
        question="What does that word mean?",
        answer=f"{len(terms)} terms in two sentences each. On every page, the first use of a term opens the same explanation.",
        main=(Gallery("glossary", f'<dl class="glossary">{body}</dl>', "From A to Z"),),
    )


def about(studies: int, runs: int) -> Scene:
    """Return the scene of the program itself.

    Args:
        studies, runs: how many are recorded.
    """
    body = "".join(f"<dt><b>{escape(name)}</b></dt><dd>{escape(words)}</dd>" for name, words in ABOUT)
    return Scene(
        question="What is ResNet Lens?",
        answer=f"A dashboard that explains why residual networks work, with {runs} recorded runs in {studies} studies.",
        main=(Gallery("about", f'<dl class="glossary">{body}</dl>', "In short"),),
    )
