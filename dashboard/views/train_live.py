"""Does depth harm a plain network, and does a residual one escape? Both train here, now, before everybody's eyes."""

import re
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from dashboard import serving
from dashboard.figures.race import rate_changes
from dashboard.parts import link
from dashboard.parts.ask import asks_first, prediction
from dashboard.parts.present import presenting
from dashboard.parts.show import begin, exhibits, more
from dashboard.plain import plain
from dashboard.scenes.questions import race_question
from dashboard.scenes.train_live import train_live
from resnet_core import InputError
from resnet_core.live.race_folder import LEARNING_RATES, SHORTCUTS, Settings
from resnet_core.live.race_reader import Race

DEPTHS = (20, 32, 44, 56, 110)
WIDTHS = (4, 8, 16)
SEEDS = 10_000
LATEST, NOTHING = "latest", "nothing"
OLD = {"yours, or the latest": LATEST, "the latest": LATEST}
RECORDED = "recorded"
RACES = "race"  # the study whose races are recorded
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


def resume(name: str) -> None:
    try:
        serving.resume_race(name)
    except InputError as error:
        st.session_state["race_refused"] = str(error)


def race_of(name: str) -> Race:
    """The race of that name; raises InputError where its folder is broken."""
    return serving.recorded_race() if name == RECORDED else serving.race(name)


def race_words(name: str) -> str:
    """What the page calls a race: when it was started, and its settings."""
    said = re.fullmatch(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)\d\d-\d+-(.*)", name)
    if not said:
        return name
    settings = re.sub(r"-(?=width|shortcuts|no-batch|rate|seed)", ", ", said[6]).replace("-", " ")
    return f"{said[1]}-{said[2]}-{said[3]} {said[4]}:{said[5]} · {settings}"


def say_refusal() -> None:
    if refused := st.session_state.pop("race_refused", None):
        st.error(plain(refused), icon=":material/hourglass:")


page, present = begin("train_live"), presenting()
known, left_out = serving.known_races()
serving.warm_up_races()

every = {name: race_words(name) for name in known}
row = st.container(horizontal=True, vertical_alignment="bottom")
own = serving.own_race()
with row:
    chosen_race = link.chip("Race", "race", {LATEST: "your latest" if own in known else "a recorded one", **every}, old=OLD)
with row, st.popover("New race…", icon=":material/flag:"):
    st.caption(
        "Two networks with the same layers and initial weights see the same batches of 1,500 real handwritten digits. Only one "
        "has shortcuts. It takes about half a minute, or a minute if this computer also runs the browser."
    )
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
with row, more():
    pinned_name = link.select("Pinned beside it", "pinned", {NOTHING: "none", **every}, width=460)
    ask = asks_first()

if ask:
    prediction("race", race_question(serving.studies()[RACES]))
say_refusal()
for sentence in left_out:
    st.warning(plain(sentence), icon=":material/broken_image:")
if pinned_name != NOTHING:
    try:
        serving.race(pinned_name)
    except InputError as error:
        st.error(f"{plain(error)} Pin another race.", icon=":material/broken_image:")
        pinned_name = NOTHING
name = chosen_race if chosen_race != LATEST else own if own in known else RECORDED
try:
    race = race_of(name)
except InputError as error:
    st.error(f"{plain(error)} Choose another race; until then you see a recorded one.", icon=":material/broken_image:")
    name, race = RECORDED, serving.recorded_race()
if pinned_name == name:
    st.info("That is the race you are looking at; pin another one.", icon=":material/difference:")
    pinned_name = NOTHING
running, may_steer = not race.over, name != RECORDED and serving.may_steer(name)


def steering(race: Race) -> None:
    """Draw the controls of a race that is not over."""
    label, icon, wish = ("Resume", "play_arrow", "run") if race.paused else ("Pause", "pause", "pause")
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
        race = race_of(name)
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
            if race.paused:
                st.caption(f"Iteration {race.iteration} of {total}, paused")
        elif race.iteration:
            if total > 5:
                last_iteration = link.slider("Replay up to iteration", "upto", 5, total, total, 5)
            if may_steer and any(lane.status in ("stopped", "dead") for lane in race.lanes.values()):
                st.button("Resume", icon=":material/play_arrow:", on_click=resume, args=(name,))
            if name != RECORDED:
                changes = rate_changes({which: lane.table for which, lane in race.lanes.items()})
                rates = "".join(f"-then-{rate:g}" for _, rate in changes)
                st.download_button(
                    "Download", partial(serving.packed_race, name), f"{name}{rates}.zip", "application/zip", on_click="ignore",
                    icon=":material/download:", help="Both run directories: recipe, metrics, weights, and what resuming takes.",
                )  # fmt: skip
        if name == RECORDED and not present:
            st.caption("This race was recorded. Start your own under “New race”.")
        elif name != RECORDED and not may_steer:
            st.caption("Somebody else started this race; you watch it.")
    digits = serving.watched_digits()
    scene = train_live(race, last_iteration, pinned, digits.images, digits.labels, digits.classes, digits.table)
    page.answer(scene)
    exhibits(scene.main, main=True)
    page.support(scene.support)
    page.end(scene)


watch()
if name != RECORDED and not present:
    with st.expander("Resume in a terminal"):
        st.code(f"resnet-lens race {race.folder}", language="sh")
