"""Is what a client sends as its prediction taken only where it is one?"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

from dashboard.figures.ask import Levels
from dashboard.parts.ask import _keep
from dashboard.scenes.ask import Pick

LEVELS = Levels("Draw it.", ("10", "20"), "iterations", "training error, %", 0, 100)
PICK = Pick("Which one?", ("conv2_1", "conv2_2"))


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    state: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", state)
    return state


@pytest.mark.parametrize(
    "sent", [None, "90", [1], [1, 2, 3], [1, "2"], [1, None], [1, float("nan")], [float("inf"), 1], {"0": 1}, [[1], [2]]], ids=str
)
def test_what_is_no_curve_is_not_taken(session: dict[str, Any], sent: Any) -> None:
    session["ask"] = SimpleNamespace(answer=sent)
    _keep("ask", "kept", LEVELS)()
    assert "kept" not in session


def test_a_curve_is_kept_within_its_scale(session: dict[str, Any]) -> None:
    session["ask"] = SimpleNamespace(answer=[-5, 250])
    _keep("ask", "kept", LEVELS)()
    assert session["kept"] == [0, 100]


@pytest.mark.parametrize("sent", [None, "conv9_9", 0, ["conv2_1"]], ids=str)
def test_what_is_no_option_is_not_taken(session: dict[str, Any], sent: Any) -> None:
    session["ask"] = SimpleNamespace(answer=sent)
    _keep("ask", "kept", PICK)()
    assert "kept" not in session
