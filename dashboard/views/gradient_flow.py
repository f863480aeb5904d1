"""Gradient flow: new or trained networks, a batch, and a recorded training."""

from functools import partial

import streamlit as st

from dashboard import serving, words
from dashboard.parts import link
from dashboard.parts.ask import asks_first, prediction
from dashboard.parts.left_out import say_left_out
from dashboard.parts.long_running import asked_for, finish, progress_bar
from dashboard.parts.pickers import usable
from dashboard.parts.present import presenting
from dashboard.parts.show import begin, exhibits, more
from dashboard.parts.uploads import forget_own_photograph, own_photograph
from dashboard.scenes import Part
from dashboard.scenes.gradient_flow import batch_exhibits, gradient_flow_scene, recorded_exhibits, training_exhibits
from dashboard.scenes.questions import gradient_question
from resnet_core.pictures.samples import SAMPLES

NEW, DIGITS, PHOTOGRAPHS = "new", "digits", "samples"
OLD = {"new, not trained": NEW, "8 digits": DIGITS, "all sample photographs": PHOTOGRAPHS}  # what links said before ids
DEPTHS = (20, 32, 44, 56, 110, 1202)
LONG = 200  # layers: from here on, a person is asked first
LONGER = 8  # times as long a layer as in 20 layers, and with the correlation, of more inputs
SEEDS = 1000

page = begin("gradient_flow")
pairs = serving.pairs()
row = st.container(horizontal=True, vertical_alignment="bottom")
with row:
    which = link.chip("Networks", "networks", {NEW: "new, not trained", **{name: words.pair(name) for name in pairs}}, old=OLD)
    new = which == NEW
    layers, batch_norm, seed, ask = 0, True, 0, False
    if new:
        layers = int(link.select("Layers", "layers", list(map(str, DEPTHS)), "56", width=100))
        batch_norm = link.toggle("Batch norm", "bn", True)
    digits = {DIGITS: "8 digits"} if new else {}
    images = link.chip(
        "Images", "images", {**digits, PHOTOGRAPHS: "all sample photographs", **{name: name for name in SAMPLES}}, old=OLD,
        on_change=forget_own_photograph,
    )  # fmt: skip
    own = own_photograph(serving.own_photograph)
    if new:
        with more():
            seed = link.number("Seed", "seed", 0, SEEDS - 1, 0, width=120) or 0
            ask = asks_first()
recorded = serving.answers().get("depth")
if ask and batch_norm and recorded and (asked := gradient_question(recorded, layers)):
    prediction(f"gradient-{layers}", asked)
batch = serving.digits_batch(8)
if images != DIGITS:
    shown = list(SAMPLES) if images == PHOTOGRAPHS else [images]
    batch = serving.photographs_batch([serving.sample_photograph(name) for name in shown])
if mine := usable(own, f"“{images}”"):
    batch = serving.photographs_batch([mine])
    st.info(f"Your photograph stays in this session: a link to this page shows “{images}”.", icon=":material/lock:")
plain, residual = (f"plain{layers}-cifar", f"resnet{layers}-cifar") if new else pairs[which]
names = {False: plain, True: residual}

above, waiting, place, bar = st.container(), f"gradients-{layers}", st.empty(), st.empty()
missing = [name for name in names.values() if not serving.known_gradients(name, batch_norm, seed, batch)]
wanted = True
if missing and layers >= LONG:
    seconds = LONGER * serving.gradient_flow("resnet20-cifar", batch_norm, seed, batch).seconds * layers / 20
    wanted = asked_for(waiting, seconds * len(missing), place)
flows, alike = {}, {}
if wanted:
    for kind, name in names.items():
        on_wait = progress_bar(bar, f"{words.network(name)}, forward and backward")
        flows[kind] = serving.gradient_flow(name, batch_norm, seed, batch, on_wait)
        alike[kind] = serving.gradient_correlation(name, batch_norm, seed, batch, on_wait)
    bar.empty()
    finish(waiting, place)
against = "its first class, as a new network knows none" if new else "what the residual network takes each picture for"
norm = f" · {'with' if batch_norm else 'without'} batch norm · initialised from seed {seed}" if new else ""

say_left_out()
studies = {name: study for name, study in serving.studies().items() if study.gradient_seeds}
training: tuple[Part, ...] = ()
if studies and not presenting():
    st.subheader("How did it develop in training?", anchor=False)
    with st.popover("Another recorded training", icon=":material/tune:"):
        study = studies[link.select("Training", "study", {key: words.study(each) for key, each in studies.items()}, width=380)]
        depths = [str(depth) for depth in study.gradient_seeds][::-1]
        depth = int(link.select("Layers", "depth", depths, width=100))
        of = int(link.select("Seed", "of", list(map(str, study.gradient_seeds[depth])), width=90))
    training = serving.cached(("training", study.name, study.changed, depth, of), partial(training_exhibits, study, depth, of))
made: tuple[Part, ...] = ()
if not wanted and recorded:
    made = recorded_exhibits(recorded, layers, batch_norm)
if wanted:
    made = serving.cached(
        ("batch", *names.values(), batch_norm, seed, batch.digest),
        partial(
            batch_exhibits, flows, alike, names, f"{batch.title} · {' and '.join(map(words.network, names.values()))}{norm}",
            f"{serving.NEARBY} inputs, {serving.RADIANS} rad apart", "" if batch.labels else against, seed,
        ),
    )  # fmt: skip
scene = gradient_flow_scene(made, training, flows, studies.get("gradients"))
page.answer(scene)
with above:
    exhibits(scene.main, main=True)
page.support(scene.support, in_sight=len(training))
page.end(scene)
for name in ("gradients", "shattering"):
    if name in studies or name in serving.answers():
        to_study = {"show": "measurements", "measurement": name}
        st.page_link(
            "views/studies.py", label=f"Our measurement: {words.STUDIES[name]}", icon=":material/science:", query_params=to_study
        )
