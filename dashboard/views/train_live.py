"""Does depth harm a plain network, and does a residual one escape? Both train here, now, before everybody's eyes."""

from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from dashboard import serving
from dashboard.figures.race import block_curves, by_network, error_curves, latest, predictions
from dashboard.figures.style import QUANTITIES
from dashboard.parts.exhibit import exhibit
from dashboard.parts.uploads import explain_unknown, number_bind
from dashboard.plain import plain
from resnet_core import InputError
from resnet_core.live.race import LEARNING_RATES, SHORTCUTS, Race, Settings

DEPTHS = (20, 32, 44, 56, 110)
WIDTHS = (4, 8, 16)
SEEDS = 10_000
LATEST, NOTHING = "yours, or the latest", "nothing"
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


st.title("Train a deep network, with and without shortcuts", anchor=False)
st.markdown(
    "Two networks of the same layers and initial weights see the same batches of 1,500 real handwritten digits. One of them has "
    "shortcuts. It takes half a minute on two processors, a whole one where the browser shares them."
)
known, left_out = serving.races()
explain_unknown({"race": [LATEST, *known], "pinned": [NOTHING, *known], "shortcut": SHORTCUTS})
explain_unknown(
    {name: list(map(str, options)) for name, options in (("depth", DEPTHS), ("width", WIDTHS), ("rate", LEARNING_RATES))}
)
explain_unknown({"bn": ["true", "false"], "seed": list(map(str, range(SEEDS)))})
serving.warm_up_races()

with st.container(horizontal=True, vertical_alignment="bottom"):
    depth = st.selectbox("Layers", DEPTHS, index=DEPTHS.index(56), key="depth", bind="query-params", width=100)
    width = st.selectbox("Width", WIDTHS, index=WIDTHS.index(8), key="width", bind="query-params", width=90)
    rate = st.selectbox(
        "Learning rate", LEARNING_RATES, index=LEARNING_RATES.index(0.05), key="rate", bind="query-params", width=120
    )
    shortcut = st.segmented_control(
        "Shortcuts", SHORTCUTS, default="A", required=True, key="shortcut", bind="query-params",
        help="**A**: zeros pad the new channels, no parameters; **B**: projections where dimensions change; **C**: everywhere.",
    )  # fmt: skip
    shortcut = shortcut or "A"  # an empty one in the link is None
    batch_norm = st.toggle("Batch norm", value=True, key="bn", bind="query-params")
    seed = st.number_input("Seed", 0, SEEDS - 1, key="seed", bind=number_bind("seed"), width=110)
    st.button(
        "Start", type="primary", icon=":material/play_arrow:",
        on_click=start, args=(Settings(depth, width, shortcut, batch_norm, rate, seed),),
    )  # fmt: skip
say_refusal()
with st.container(horizontal=True, vertical_alignment="bottom"):
    chosen_race = st.selectbox("Race", [LATEST, *known], key="race", bind="query-params", width=460)
    pinned_name = st.selectbox("Pinned beside it", [NOTHING, *known], key="pinned", bind="query-params", width=460)

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
        st.error(str(error), icon=":material/broken_image:")
        return
    if race.over == running:
        st.rerun()  # the whole page, which decides whether this part asks again
    say_refusal()
    settings = race.settings
    total = settings.iterations
    upto = total
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if not race.over:
            if may_steer:
                steering(race)
            st.caption(f"Iteration {race.iteration} of {total}{', paused' if race.paused else ''}")
        elif race.iteration:
            if total > 5:
                explain_unknown({"upto": list(map(str, range(5, total + 1)))})
                upto = st.slider("Replay up to iteration", 5, total, total, step=5, key="upto", bind=number_bind("upto"))
            if may_steer and any(lane.status in ("stopped", "dead") for lane in race.lanes.values()):
                st.button("Go on with it", icon=":material/play_arrow:", on_click=go_on, args=(name,))
            st.download_button(
                "Download", partial(serving.packed_race, name), f"{name}.zip", "application/zip", on_click="ignore",
                icon=":material/download:", help="Both run directories: recipe, metrics, weights, and what it takes to go on.",
            )  # fmt: skip
        if not may_steer:
            st.caption("Somebody else started this race; you watch it.")
    for lane in race.lanes.values():
        if lane.status == "diverged":
            st.warning(
                f"The loss of the {lane.which} network is no longer a number after iteration {lane.iteration}; a smaller "
                "learning rate, or batch norm, helps.",
                icon=":material/warning:",
            )
    failed = [lane.which for lane in race.lanes.values() if lane.status == "dead"]
    if failed:
        st.warning(
            f"The process of the {' and the '.join(failed)} network ended before the race did; what it had saved is kept.",
            icon=":material/warning:",
        )
    tables = {which: lane.table[lane.table.step <= upto] for which, lane in race.lanes.items()}
    words = f"{settings.words} · handwritten digits · {race.folder.name}"
    left, right = st.columns([1.25, 1], gap="medium")
    with left:
        exhibit(
            error_curves(tables, total, {which: lane.table for which, lane in pinned.lanes.items()} if pinned else None),
            key="race-errors",
            alt="Training error of the plain and the residual network over the iterations",
            origin="measured",
            words=words,
            numbers=by_network({which: table[table.block.isna()] for which, table in tables.items()}),
        )
        guesses = {which: lane.at(upto) for which, lane in race.lanes.items() if lane.predictions}
        if len(guesses) == len(race.lanes):
            digits = serving.watched_digits()
            exhibit(
                predictions(digits.images, digits.labels, guesses, digits.classes),
                key="race-predictions",
                alt="What both networks take the first test digits for",
                origin="measured",
                words=words,
                numbers=digits.table(guesses),
            )
    with right:
        for quantity in ("gradient_norm", "response_sd"):
            exhibit(
                block_curves(tables, quantity),
                key=f"race-{quantity}",
                alt=f"{QUANTITIES[quantity]}, block by block, both networks",
                origin="measured",
                words=words,
                numbers=by_network({which: latest(table, quantity) for which, table in tables.items()}),
            )


watch()
how = race.settings.recipe()
st.caption(
    f"It runs {how.iterations} iterations of {how.batch_size} digits at {how.resolution} x {how.resolution} pixels (SGD, "
    f"momentum {how.momentum:g}, weight decay {how.weight_decay:g}, gradients clipped at {how.clip_norm:g}), far fewer than a "
    "network needs: what is shown is how fast each one learns. Go on in a terminal: "
    f"`python -m resnet_core race {race.folder}`."
)
