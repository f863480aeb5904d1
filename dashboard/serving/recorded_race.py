"""Which race does a visitor see who has started none? One that the project ships, of the study of races."""

from __future__ import annotations

import streamlit as st

from dashboard.serving.studies import shipped
from resnet_core.live.race_folder import NETWORKS, SHORTCUTS, Control, Settings
from resnet_core.live.race_reader import Lane, Race


@st.cache_resource
def recorded_race(seed: int = 0) -> Race:
    """Return the recorded race of the deepest networks with that seed, as one that has ended."""
    study = shipped("race")
    runs = {facts.residual: facts for facts in study.facts.values() if facts.layers == study.depths[-1] and facts.seed == seed}
    lanes = {
        which: Lane(which, "finished", runs[residual].iterations, study.table[study.table.run == runs[residual].run], ())
        for which, residual in zip(NETWORKS, (False, True), strict=True)
    }
    facts = runs[True]
    rate = float(facts.recorded["recipe"]["learning_rate"])
    assert facts.width
    shortcut = next(kind for kind in SHORTCUTS if kind == facts.shortcut)
    settings = Settings(facts.layers, facts.width, shortcut, facts.batch_norm, rate, facts.seed, facts.iterations)
    return Race(facts.folder, settings, Control(), lanes)
