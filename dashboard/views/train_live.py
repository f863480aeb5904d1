"""Does depth harm a plain network, and does a residual one escape? Both train here, now, before everybody's eyes."""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from dashboard import serving
from dashboard.parts import link
from dashboard.parts.show import answer, exhibits, limits
from dashboard.plain import plain
from dashboard.scenes.train_live import QUESTION, train_live
from resnet_core import InputError
from resnet_core.live.race_folder import LEARNING_RATES, SHORTCUTS, Settings
from resnet_core.live.race_reader import Race

DEPTHS = (20, 32, 44, 56, 110)
WIDTHS = (4, 8, 16)
SEEDS = 10_000
LATEST, NOTHING = "latest", "nothing"
OLD = {"yours, or the latest": LATEST, "the latest": LATEST}
STEPS = 10  # iterations at a press of Step


def start(settings: Settings) -> None:
    try:
        st.session_state["race"] = serving.start_race(settings)
    except InputError as error:
        st.session_state["race_refused"] = str(error)


# callbacks, because a click may arrive while the page is on its way to another state: a callback is never skipped


def steer(name: str, **changes: Any) -> None:
    try:
        serving.steer_race(name, replace(serving.race(name).control, **changes))
    except InputError as error:
        st.session_state["race_refused"] = str(error)


def step(name: str, iteration: int) -> None:
    steer(name, wish="run", until=iteration + STEPS)


def change_rate(name: str) -> None:
    steer(name, learning_rate=st.session_state[f"rate-{name}"])


def go_on(name: str) -> None:
    try:
        serving.go_on_with_race(name)
    except InputError as error:
        st.session_state["race_refused"] = str(error)


def say_refusal() -> None:
    if refused := st.session_state.pop("race_refused", None):
        st.error(plain(refused), icon=":material/hourglass:")


st.title(QUESTION, anchor=False)
st.markdown(
    "Two networks of the same layers and initial weights see the same batches of 1,500 real handwritten digits. One of them has "
    "shortcuts. It takes half a minute on two processors, a whole one where the browser shares them."
)
known, left_out = serving.known_races()
serving.warm_up_races()

with st.container(horizontal=True, vertical_alignment="bottom"):
    depth = int(link.select("Layers", "depth", list(map(str, DEPTHS)), "56", width=100))
    width = int(link.select("Width", "width", list(map(str, WIDTHS)), "8", width=90))
    rate = float(link.select("Learning rate", "rate", [f"{rate:g}" for rate in LEARNING_RATES], "0.05", width=120))
    shortcut = link.segmented(
        "Shortcuts", "shortcut", SHORTCUTS, "A",
        help="**A**: zeros pad the new channels, no parameters; **B**: projections where dimensions change; **C**: everywhere.",
    )  # fmt: skip
    batch_norm = link.toggle("Batch norm", "bn", True)
    seed = link.number("Seed", "seed", 0, SEEDS - 1, 0, width=110) or 0
    st.button(
        "Start", type="primary", icon=":material/play_arrow:", key="start-race",
        on_click=start, args=(Settings(depth, width, shortcut, batch_norm, rate, seed),),
    )  # fmt: skip
say_refusal()
with st.container(horizontal=True, vertical_alignment="bottom"):
    every = {name: name for name in known}
    chosen_race = link.select("Race", "race", {LATEST: "yours, or the latest", **every}, old=OLD, width=460)
    pinned_name = link.select("Pinned beside it", "pinned", {NOTHING: "nothing", **every}, width=460)

for sentence in left_out:
    st.warning(plain(sentence), icon=":material/broken_image:")
if not known:
    st.info("Press **Start**. The plain and the residual network set off together.", icon=":material/flag:")
    st.stop()
if pinned_name != NOTHING:
    try:
        serving.race(pinned_name)
    except InputError as error:
        st.error(f"{plain(error)} Pin another one.", icon=":material/broken_image:")
        pinned_name = NOTHING
own = serving.own_race()
for name in ([own] if own in known else []) + known if chosen_race == LATEST else [chosen_race]:
    try:
        race = serving.race(name)
        break
    except InputError as error:
        st.error(f"{plain(error)} Choose another one.", icon=":material/broken_image:")
else:
    st.stop()
if pinned_name == name:
    st.info("A race beside itself shows nothing; pin another one.", icon=":material/difference:")
    pinned_name = NOTHING
running, may_steer = not race.over, serving.may_steer(name)


def steering(race: Race) -> None:
    """Draw the controls of a race that is not over."""
    label, icon, wish = ("Go on", "play_arrow", "run") if race.paused else ("Pause", "pause", "pause")
    st.button(label, icon=f":material/{icon}:", on_click=steer, args=(name,), kwargs={"wish": wish, "until": None})
    st.button(
        f"{STEPS} steps", icon=":material/skip_next:", help="Run this many iterations, then pause.",
        on_click=step, args=(name, race.iteration),
    )  # fmt: skip
    st.button("Stop", icon=":material/stop:", on_click=steer, args=(name,), kwargs={"wish": "stop"})
    rate_now = race.control.learning_rate or race.settings.learning_rate
    rates = sorted({*LEARNING_RATES, rate_now})  # a race that was started in a terminal may have another one
    st.selectbox(
        "Learning rate from now on", rates, index=rates.index(rate_now), key=f"rate-{name}", width=190,
        on_change=change_rate, args=(name,),
    )  # fmt: skip


@st.fragment(run_every=0.7 if running else None)
def watch() -> None:
    try:
        race = serving.race(name)
        pinned = None if pinned_name == NOTHING else serving.race(pinned_name)
    except InputError as error:  # since the page was drawn
        st.error(plain(error), icon=":material/broken_image:")
        return
    if race.over == running:
        st.rerun()  # the whole page, which decides whether this part asks again
    say_refusal()
    total = race.settings.iterations
    last_iteration = total
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not race.over:
            if may_steer:
                steering(race)
            st.caption(f"Iteration {race.iteration} of {total}{', paused' if race.paused else ''}")
        elif race.iteration:
            if total > 5:
                last_iteration = link.slider("Replay up to iteration", "upto", 5, total, total, 5)
            if may_steer and any(lane.status in ("stopped", "dead") for lane in race.lanes.values()):
                st.button("Go on with it", icon=":material/play_arrow:", on_click=go_on, args=(name,))
            st.download_button(
                "Download", partial(serving.packed_race, name), f"{name}.zip", "application/zip", on_click="ignore",
                icon=":material/download:", help="Both run directories: recipe, metrics, weights, and what it takes to go on.",
            )  # fmt: skip
        if not may_steer:
            st.caption("Somebody else started this race; you watch it.")
    digits = serving.watched_digits()
    scene = train_live(race, last_iteration, pinned, digits.images, digits.labels, digits.classes, digits.table)
    answer(scene)
    exhibits((*scene.main, *scene.support))
    limits(scene)


watch()
st.caption(f"Go on in a terminal: `resnet-lens race {plain(race.folder)}`.")
