"""What do all sessions share? Networks, what they answer, and tables, each computed once; every `st.cache_*` is in this folder.

What is cached as a resource is handed out itself, not a copy: read it, never change it. torch is imported inside, when it is
first needed.
"""

from dashboard.serving.answers import (
    attribution,
    deletion_insertion,
    known_attribution,
    known_trust,
    random_baseline,
    randomisation_test,
)
from dashboard.serving.batches import (
    NEARBY,
    RADIANS,
    Batch,
    digits_batch,
    gradient_correlation,
    gradient_flow,
    known_gradients,
    photographs_batch,
)
from dashboard.serving.hand_outs import hand_out, known_hand_out
from dashboard.serving.home import home_scene
from dashboard.serving.networks import (
    checkpoint,
    feature_maps,
    inspections,
    known_networks,
    most_probable,
    network,
    own_networks,
    pairs,
    predictions,
)
from dashboard.serving.photographs import SHOWN, Photograph, own_photograph, sample_photograph
from dashboard.serving.races import (
    Digits,
    known_races,
    may_steer,
    own_race,
    packed_race,
    race,
    resume_race,
    start_race,
    steer_race,
    warm_up_races,
    watched_digits,
)
from dashboard.serving.recorded_race import recorded_race
from dashboard.serving.scenes import cached, scene
from dashboard.serving.studies import answers, drawn, findings, left_out, paper, shipped_answers, studies

__all__ = [
    "NEARBY",
    "RADIANS",
    "SHOWN",
    "Batch",
    "Digits",
    "Photograph",
    "answers",
    "attribution",
    "cached",
    "checkpoint",
    "deletion_insertion",
    "digits_batch",
    "drawn",
    "feature_maps",
    "findings",
    "gradient_correlation",
    "gradient_flow",
    "hand_out",
    "home_scene",
    "inspections",
    "known_attribution",
    "known_gradients",
    "known_hand_out",
    "known_networks",
    "known_races",
    "known_trust",
    "left_out",
    "may_steer",
    "most_probable",
    "network",
    "own_networks",
    "own_photograph",
    "own_race",
    "packed_race",
    "pairs",
    "paper",
    "photographs_batch",
    "predictions",
    "race",
    "random_baseline",
    "randomisation_test",
    "recorded_race",
    "resume_race",
    "sample_photograph",
    "scene",
    "shipped_answers",
    "start_race",
    "steer_race",
    "studies",
    "warm_up_races",
    "watched_digits",
]
