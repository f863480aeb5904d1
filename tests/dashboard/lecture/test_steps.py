"""Does every step of every shipped tour lead to a page that shows what the step looks at?"""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard.lecture import tours
from dashboard.lecture.hand_out import hand_out
from dashboard.lecture.visit import NothingShownError, visit
from dashboard.lecture.vocabulary import VOCABULARY
from dashboard.pages import PAGES
from resnet_core.errors import InputError

STATES = {
    (step.page, step.query, step.look_at): (name, step) for name, tour in tours.shipped().items() for step in tour.steps
}  # fmt: skip


@pytest.fixture(autouse=True)
def _no_races(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESNET_LENS_RUNS", str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("state", STATES, ids=lambda state: "-".join(filter(None, state)))
def test_a_step_shows_what_it_looks_at(state: tuple[str, str, str]) -> None:
    tour, step = STATES[state]
    try:
        scene = visit(step.page, {name: list(values) for name, values in step.link.items()})
    except NothingShownError:
        assert step.page == "train_live", f"{tour}: “{step.title}” opens an empty page"
        return
    keys = [part.key for part in (*scene.main, *scene.support)]
    assert not step.look_at or step.look_at in keys, f"{tour}: “{step.title}” looks at {step.look_at}; the page shows {keys}"


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if page != "lecture"])
def test_the_vocabulary_knows_every_exhibit_of_a_page(page: str) -> None:
    try:
        scene = visit(page, {})
    except NothingShownError:
        assert page == "train_live"
        return
    unknown = [exhibit.key for exhibit in scene.exhibits if not VOCABULARY[page].has_exhibit(exhibit.key)]
    assert unknown == []


@pytest.mark.slow
def test_a_page_is_not_visited_under_a_link_that_it_does_not_understand() -> None:
    with pytest.raises(InputError, match="The link asks for network “resnet35”, which does not exist here"):
        visit("architectures", {"network": "resnet35"})


def test_a_hand_out_of_what_does_not_exist_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match=r"no tour or page 'why-residul'; did you mean 'why-residual'\?"):
        hand_out("why-residul")
