"""What does a person expect, before the answer is shown? A `Question` as plain data, and the answer laid over the expectation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from math import log10, prod

import pandas as pd

from dashboard.figures.ask import Levels, Measured, guess_figure
from dashboard.scenes.exhibit import Exhibit

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Pick:
    """A question answered by one of several options, over a `picture` (a data URI) in rows of `columns` where it has one."""

    text: str
    options: tuple[str, ...]
    picture: str = ""
    columns: int = 0


Question = Levels | Pick


def in_words(question: Levels, guess: Sequence[float], truth: Measured) -> str:
    """How far the last height of `guess` is from what was measured, in one sentence.

    A difference within the spread over seeds is none; without a spread, the sentence gives the two numbers alone.
    """
    expected, mean, (low, high) = guess[-1], truth.mean[-1], (truth.low[-1], truth.high[-1])
    where = (
        f"at {question.positions[-1]} {question.axis}"
        if question.unit == "%" and question.joined
        else f"for {question.positions[-1]}"
    )
    spread = f" ({_number(low, question)} to {_number(high, question)} over {truth.seeds} seeds)" if truth.seeds > 1 else ""
    numbers = f"You expected {_number(expected, question)} {where}; measured: {_number(mean, question)}{spread}"
    if truth.seeds > 1 and low <= expected <= high:
        return f"{numbers}. You are within the spread."
    direction = "low" if expected < mean else "high"
    if question.log:
        return f"{numbers}. Your guess is {_digits(max(expected, mean) / min(expected, mean))} times too {direction}."
    return f"{numbers}. Your guess is {_digits(abs(expected - mean))} points too {direction}."


def closeness(question: Levels, guess: Sequence[float], truth: Measured) -> float:
    """The mean distance of the guess: in the unit of the heights, or, on a logarithmic scale, as a factor of at least 1."""
    pairs = list(zip(guess, truth.mean, strict=True))
    if question.log:
        return float(prod(10 ** abs(log10(a / b)) for a, b in pairs) ** (1 / len(pairs)))
    return sum(abs(a - b) for a, b in pairs) / len(pairs)


def revealed(question: Levels, guess: Sequence[float], truth: Measured, lesson: str, provenance: str) -> Exhibit:
    """The measured heights over the expected ones.

    Args:
        truth: what was measured, at the question's positions.
        lesson: what the difference teaches, a sentence.
        provenance: of the measured.
    """
    distance = closeness(question, guess, truth)
    mean = (
        f"by a factor of {distance:.3g}"
        if question.log
        else f"by {distance:.3g} {'points' if question.unit == '%' else question.unit}"
    )
    return Exhibit(
        key="prediction",
        figure=guess_figure(question, guess, truth),
        message=f"On average you were off {mean}",
        alt="What you expected, and what was measured",
        origin="measured",
        provenance=provenance,
        numbers=partial(_table, question, tuple(guess), truth),
        caption=f"Drawn: {question.quantity}. {lesson}",
    )


def picked(choice: str, right: Sequence[str], because: str) -> str:
    """Whether the choice is one of the `right` ones, which are named where it is not, and why: `because`, a sentence."""
    if choice in right:
        return f"You chose {choice}, and that is right. {because}"
    return f"You chose {choice}; measured: {' or '.join(right)}. {because}"


def _number(value: float, question: Levels) -> str:
    return f"{_digits(value)} {question.unit}".strip()


def _digits(value: float) -> str:
    """Three digits: 0.012, 8.5, 7,080; powers of ten beyond a million."""
    if 1e-3 <= abs(value) < 1e6 or not value:
        return f"{float(f'{value:.3g}'):,.12g}"
    digits, power = f"{value:.1e}".split("e")
    return f"{float(digits):g} × 10{str(int(power)).translate(_RAISED)}"


def _table(question: Levels, guess: Sequence[float], truth: Measured) -> pd.DataFrame:
    columns = {"expected": guess, "mean": truth.mean, "low": truth.low, "high": truth.high}
    return pd.DataFrame({question.axis or "position": question.positions, **columns})
