"""What does Home tell from? A few recorded studies and the bundled pair's recorded answers, read without torch."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import streamlit as st

from dashboard.scenes import Scene
from dashboard.scenes.home import Seen, home
from dashboard.serving.photographs import sample_photograph
from dashboard.serving.scenes import scene
from dashboard.serving.studies import paper, shipped
from resnet_core.assets import WEIGHTS
from resnet_core.inspection.recorded import load_inspection

PHOTOGRAPH = "coffee"
NETWORKS = ("plain34-tiny", "resnet34-tiny")


def recorded(network: str) -> Path:
    """Return where the network's answer to the photograph lies."""
    return WEIGHTS / f"{network}-{PHOTOGRAPH}.npz"


@st.cache_resource
def _seen() -> tuple[Seen, ...]:
    picture = sample_photograph(PHOTOGRAPH).shown
    return tuple(Seen(*load_inspection(recorded(name)), picture=picture) for name in NETWORKS)


def home_scene() -> Scene:
    """Return the scene of Home, made once for all sessions."""
    return scene(("home",), partial(_home))


def _home() -> Scene:
    studies = shipped("figure6-x0.025"), shipped("race"), shipped("gradients")
    return home(*studies, _seen(), paper()["imagenet_10crop_error_percent"])
