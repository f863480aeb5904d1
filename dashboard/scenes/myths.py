"""True, false, or does it depend? The scene of the page Myths: the measurement comes after the prediction, never before."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd

from dashboard.figures.myths import empty
from dashboard.scenes.exhibit import Exhibit, Gallery
from dashboard.scenes.link_words import LinkWords
from dashboard.scenes.myth import Measured, Paper, Studies, Verdict
from dashboard.scenes.recorded import data_words, made_words
from dashboard.scenes.scene import Scene, Try
from dashboard.scenes.six_myths import MYTHS

QUESTION = "True, false, or does it depend?"
WORDS: dict[Verdict, str] = {"true": "true", "false": "false", "depends": "it depends"}
TRY_THIS = (
    Try("Is it overfitting?", {"myth": "overfitting"}),
    Try("Does batch norm solve it?", {"myth": "batch-norm"}),
    Try("Is it an ensemble?", {"myth": "ensemble"}),
)
LINK = LinkWords({"myth": None, "says-*": None}, ("myth-*",))


def myths_scene(key: str, said: Mapping[str, Verdict], studies: Studies, paper: Paper) -> Scene:
    """Return the scene of one popular sentence.

    Args:
        key: of MYTHS.
        said: what the person predicts, by the sentence's key; of a sentence without a prediction nothing is measured or shown.
        studies: by name; those that MYTHS name.
        paper: what He et al. print.
    """
    myth = MYTHS[key]
    measured = {name: MYTHS[name].measure(MYTHS[name], studies, paper) for name in MYTHS if name in said}
    score = _score(said, measured)
    if key not in said:
        return Scene(
            question=QUESTION,
            answer=f"“{myth.says}” Predict first; {len(said)} of {len(MYTHS)} sentences are judged so far.",
            main=(
                Exhibit(
                    key=f"myth-{key}",
                    figure=empty(myth.axis),
                    message="The measurement is drawn here once you have predicted",
                    alt="Empty axes",
                    origin="measured",
                    provenance=data_words(studies[myth.studies[0]]),
                    numbers=lambda: pd.DataFrame({"sentence": [myth.says]}),
                ),
            ),
            support=score,
            try_this=TRY_THIS,
        )
    found = measured[key]
    right = sum(said[name] == measured[name].verdict for name in measured)
    return Scene(
        question=QUESTION,
        answer=(
            f"“{myth.says}” You said {WORDS[said[key]]}; measured: {WORDS[found.verdict]}. You agree with the measurement on "
            f"{right} of {len(measured)} sentence{'s' * (len(measured) != 1)}."
        ),
        main=(
            Exhibit(
                key=f"myth-{key}",
                figure=found.figure,
                message=found.message,
                alt=f"{myth.axis}, a column a network",
                origin="measured",
                provenance="; ".join(dict.fromkeys(data_words(studies[name]) for name in _drawn(key))),
                numbers=lambda: found.numbers,
                caption=found.caption,
            ),
        ),
        support=(_when(found), *score),
        try_this=TRY_THIS,
        does_not_show=myth.doubt,
        provenance=made_words(*(studies[name] for name in myth.studies)),
    )


def _clause(sentences: str) -> str:
    """The sentences as they follow a colon: the first word in lower case, unless it is a quotation or a name."""
    first = sentences.split(" ", 1)[0]
    return sentences[0].lower() + sentences[1:] if first in ("There", "The") else sentences


def _drawn(key: str) -> tuple[str, ...]:
    """The studies whose numbers stand in the figure: all of one kind, the first's."""
    names = MYTHS[key].studies
    return tuple(name for name in names if name.split("-")[0] == names[0].split("-")[0] and name != "race-long")


def _when(found: Measured) -> Gallery:
    parts = [
        f'<p style="flex:1 1 20rem;margin:0"><b>{word} when:</b> {escape(_clause(text))}</p>'
        for word, text in (("True", found.true_when), ("False", found.false_when))
    ]
    body = f'<div style="display:flex;flex-wrap:wrap;gap:1rem 2.5rem;font-size:1.05rem">{"".join(parts)}</div>'
    return Gallery("myth-when", body, f"Measured: {WORDS[found.verdict]}")


def _score(said: Mapping[str, Verdict], measured: Mapping[str, Measured]) -> tuple[Gallery, ...]:
    """The sentences judged so far; nothing before the first."""
    if not measured:
        return ()
    lines = [
        f"<tr><td>{escape(MYTHS[key].says)}</td><td>{WORDS[said[key]]}</td><td>{WORDS[found.verdict]}</td></tr>"
        for key, found in measured.items()
    ]
    head = "<tr><th>sentence</th><th>you said</th><th>measured</th></tr>"
    table = f'<table style="border-spacing:1.2rem .3rem;text-align:left;margin-left:-1.2rem">{head}{"".join(lines)}</table>'
    return (Gallery("myth-score", table, f"{len(measured)} of {len(MYTHS)} sentences judged so far"),)
