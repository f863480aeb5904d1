"""Does every page run, and does every parameter of its link do what the link says, or say that it cannot? Without a browser."""

from __future__ import annotations

import ast
import json
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import pages, serving
from dashboard.figures.feature_maps import PLACES
from dashboard.serving import blocks
from resnet_core import runs
from resnet_core.inspection.attribution.catalogue import METHODS
from resnet_core.live import race_folder
from resnet_core.pictures.samples import SAMPLES

DASHBOARD = Path(__file__).parents[2] / "dashboard"
PAGES = sorted(pages.PAGES)
UNKNOWN = "does not exist here"
RACES = ("2026-01-01-a", "2026-01-01-b")
SAMPLE, PAIR, OTHER = list(SAMPLES)[1], ("plain34-tiny", "resnet34-tiny"), "any-two"


@dataclass(frozen=True)
class Link:
    """A page, and parameters that it knows: of each a value for the address and what the widget then holds.

    Args:
        with_: what else the address needs.
        keys: by parameter, its key as the source has it, where that is no plain string.
        old: by parameter, a value of earlier versions' links, and the id that it means today.
    """

    page: str
    values: dict[str, tuple[str | list[str], Any]]
    with_: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    old: dict[str, tuple[str, Any]] = field(default_factory=dict)

    @property
    def good(self) -> dict[str, str | list[str]]:
        return self.with_ | {name: value for name, (value, _) in self.values.items()}


def same(value: str) -> tuple[str, str]:
    return value, value


ANY_TWO = {"pair": same(OTHER), "left": same(PAIR[1]), "right": same(PAIR[0])}
SIDES = {"left": "side", "right": "side"}
SHARED = {"sample": same(SAMPLE), "target": same("bullet train")}
LINKS = [
    Link(
        "compare",
        SHARED | {"scale": same("all"), "difference": ("true", True), "block": same("conv2_1")},
        old={"target": ("most probable", "most-probable")},
    ),
    Link("compare", ANY_TWO, keys=SIDES, old={"pair": ("any two", OTHER)}),
    Link("predictions", ANY_TWO, keys=SIDES, old={"pair": ("any two", OTHER)}),
    Link(
        "feature_maps",
        SHARED
        | {
            "block": same("conv3_1"), "place": same("sum"), "sort": same("variance"), "channel": ("3", 3),
            "colours": same("own"),
        },
        old={"place": (PLACES["sum"], "sum")},
    ),
    Link(
        "operations",
        SHARED
        | {
            "block": same("conv5_1"), "channel": ("3", 3), "look": same("relu"), "pixel": same("2-3"), "through": same("7"),
        },
    ),
    Link("operations", {"look": same("residual"), "scope": same("all")}),
    Link(
        "attribution",
        SHARED
        | {
            "against": same("abacus"), "methods": (["grad-cam"], ["grad-cam"]), "trust": same("plain"), "ranks": same("signed"),
        },
        keys={"trust": "key"},
        old={"methods": (METHODS["guided-backprop"].title, ["guided-backprop"])},
    ),
    Link("attribution", {"side": same("left")}, {"pair": OTHER, "left": PAIR[1], "right": PAIR[0]}, {"side": "key"}),
    Link("attribution", {"opacity": ("50", None), "threshold": ("10", None)}, keys={"opacity": "name", "threshold": "name"}),
    Link(
        "gradient_flow",
        {"layers": same("20"), "bn": ("false", False), "seed": ("7", 7), "images": same(SAMPLE)},
        old={"images": ("all sample photographs", "samples")},
    ),
    Link("gradient_flow", {"networks": same("34-tiny"), "images": same(SAMPLE)}, old={"networks": ("new, not trained", "new")}),
    Link("gradient_flow", {"study": same("gradients"), "depth": same("56"), "of": same("1")}, {"layers": "20"}),
    Link(
        "degradation",
        {"study": same("race"), "depths-race": (["20"], ["20"]), "error": same("test"), "over": same("minutes"),
         "ask": ("true", True)},
        keys={"depths-race": "f'depths-{name}'"},
    ),
    Link(
        "train_live",
        {
            "depth": same("20"), "width": same("4"), "rate": same("0.1"), "shortcut": same("C"), "bn": ("false", False),
            "seed": ("7", 7), "race": same(RACES[0]), "pinned": same(RACES[1]), "upto": ("10", 10),
        },
        old={"race": ("yours, or the latest", "latest")},
    ),
    Link("architectures", {"network": same("plain50"), "stage": same("conv4_x"), "first": ("true", True)}),
    Link("lesion", {"missing": same("conv4_1"), "statistics": same("stored"), "study": same("lesion-x0.1")}),
    Link("landscape", {"pair-layers": same("20"), "turn": ("120", 120), "why": ("true", True)}),
    Link("likeness", {"other": same("itself"), "block": same("conv2_2"), "pair-layers": same("20")}),
    Link("myths", {"myth": same("overfitting"), "says-overfitting": same("false")}, keys={"says-overfitting": "f'says-{myth}'"}),
    Link("myths", {"says-ensemble": ("depends", None)}, keys={"says-ensemble": "f'says-{key}'"}),
    Link("studies", {"run": same("race/plain20-cifar-seed1")}, old={"show": ("training runs", "runs")}),
    Link("studies", {"show": same("measurements"), "measurement": same("figure7-x0.1"), "asked": same("resnet56-cifar-seed0")}),
]  # fmt: skip
LINK = "select", "chip", "segmented", "pills", "toggle", "number", "slider", "asked", "kept"  # of dashboard/parts/link.py

HOSTILE = [
    "nonesuch", "[link](http://x.example)", "![x](http://x.example/p.png)", "<b>bold</b><script>", "$x$", "x" * 20_000, "\0", "",
    " ", "\u202e\u0301é日本", "-1", "1e400", "nan", "99999999999999999999", "0x10", "None", "true", "../..", "%00", "{}", "a\nb",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def own_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two finished races and nothing else; the pages start no process."""
    root = tmp_path_factory.mktemp("runs")
    for name in RACES:
        write_race(root / "races" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESNET_LENS_RUNS", str(root))
        patch.setattr(serving, "warm_up_races", lambda: None)
        patch.setattr(blocks, "FACTORS", (0.0, 1.0, 2.0))  # of which the page has 21
        yield root


def write_race(folder: Path) -> None:
    """A finished race of twenty iterations, as its workers leave it."""
    settings = race_folder.Settings(depth=8, iterations=20)
    facts = {
        "layers": 8, "recipe": {"name": "quick", "iterations": 20}, "data": {"name": "digits", "title": "Digits"}, "seed": 0,
        "seconds": 1.0, "status": "finished",
    }  # fmt: skip
    for lane in race_folder.NETWORKS:
        (folder / lane).mkdir(parents=True)
        runs.write_facts(folder / lane, facts | {"architecture": asdict(settings.network(lane))})
        with (folder / lane / "live.jsonl").open("w") as file:
            for iteration in (5, 10, 15, 20):
                where = {"step": iteration, "epoch": 0.0, "split": "train_batches"}
                rows = [{**where, "metric": "error_percent", "block": None, "value": 90.0 - iteration}]
                rows += [
                    {**where, "metric": metric, "block": block, "value": 1.0}
                    for metric in ("gradient_norm", "response_sd") for block in ("conv2_1", "conv3_1", "conv4_1")
                ]  # fmt: skip
                guesses = {"classes": [0] * race_folder.SHOWN, "probabilities": [0.5] * race_folder.SHOWN}
                file.write(json.dumps({"iteration": iteration, "rows": rows, **guesses}) + "\n")
    (folder / "race.json").write_text(json.dumps(asdict(settings)))
    race_folder.steer(folder, race_folder.Control())


def visit(page: str, parameters: dict[str, str | list[str]]) -> AppTest:
    app = AppTest.from_file(str(DASHBOARD / "app.py"), default_timeout=120)
    app.query_params.update(parameters)
    app.switch_page(f"views/{page}.py")
    return app.run()


def named(links: list[Link]) -> list[str]:
    return [f"{link.page}-{'-'.join(link.values)}"[:60] for link in links]


def complaints(app: AppTest) -> list[str]:
    """The sentences about the link, which stand in one box."""
    assert [error.value for error in app.exception] == []
    boxes = [warning.value for warning in app.warning if UNKNOWN in warning.value]
    assert len(boxes) <= 1
    return [sentence for box in boxes for sentence in box.split("  \n")]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_any_choice_shows_a_title_and_no_error(page: str) -> None:
    app = visit(page, {})
    assert complaints(app) == []
    assert len(app.title) == 1
    assert [error.value for error in app.error] == []


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `link.select` and so on: the file, and the call."""
    for path in DASHBOARD.rglob("*.py"):
        if path.parent.name == "lecture":  # its parameters are no choices of a page: tests/dashboard/lecture
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {f"link.{name}" for name in LINK}:
                yield path.stem, node


def key_of(call: ast.Call) -> str:
    """The parameter's key, as the source has it."""
    place = 0 if ast.unparse(call.func) in ("link.asked", "link.kept") else 1  # after the label
    key = call.args[place]
    return key.value if isinstance(key, ast.Constant) else ast.unparse(key)


def without_case(cases: set[tuple[str, str]], bound: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What is bound in a page or in a part of pages, and has no case."""
    of_parts = {key for _, key in cases}
    return {(file, key) for file, key in bound if (file, key) not in cases and (file in PAGES or key not in of_parts)}


def test_every_parameter_of_a_link_has_a_case_here() -> None:
    cases = {(link.page, link.keys.get(name, name)) for link in LINKS for name in link.values}
    bound = {(file, key_of(call)) for file, call in calls()}
    assert len(bound) > 30
    assert without_case(cases, bound) == set()


def test_nothing_but_link_binds_a_widget_to_the_address() -> None:
    said = [path.name for path in DASHBOARD.rglob("*.py") if "query_params" in path.read_text() and path.name != "link.py"]
    # the pages link to others; the site leads old links on, keeps present mode, and knows where a lecture stands
    others = {"attribution_tests.py", "gradient_flow.py", "show.py", "app.py", "present.py", "bar.py", "visit.py"}
    assert set(said) == {"evidence_sliders.py", *others}
    assert not [path for path in DASHBOARD.rglob("*.py") if "bind=" in path.read_text()]


def test_every_parameter_with_earlier_values_has_a_case_here() -> None:
    cases = {(link.page, link.keys.get(name, name)) for link in LINKS for name in link.old}
    bound = {(file, key_of(call)) for file, call in calls() if any(keyword.arg == "old" for keyword in call.keywords)}
    assert len(bound) >= 8
    assert without_case(cases, bound) == set()


OLD = [(link, name) for link in LINKS for name in link.old]


@pytest.mark.parametrize(("link", "name"), OLD, ids=[f"{link.page}-{name}" for link, name in OLD])
def test_a_link_of_an_earlier_version_is_translated(link: Link, name: str) -> None:
    earlier, today = link.old[name]
    app = visit(link.page, link.good | {name: earlier})
    assert complaints(app) == []
    assert app.session_state[name] == today


@pytest.mark.parametrize("link", LINKS, ids=named(LINKS))
def test_a_link_sets_the_widgets_that_it_names(link: Link) -> None:
    app = visit(link.page, link.good)
    assert complaints(app) == []
    expected = {name: value for name, (_, value) in link.values.items() if value is not None}
    assert {name: app.session_state[name] for name in expected} == expected
    again = visit(link.page, dict(app.query_params))  # the link that the page leaves is as good
    assert complaints(again) == []
    assert {name: again.session_state[name] for name in expected} == expected


@pytest.mark.parametrize("link", LINKS, ids=named(LINKS))
def test_a_link_that_asks_for_the_unknown_is_told_so(link: Link) -> None:
    first, *others = link.values  # the others may depend on the first
    for names in ([first], others):
        said = complaints(visit(link.page, link.good | dict.fromkeys(names, "nonesuch")))
        assert {name for name in names if not any(each.startswith(f"The link asks for {name} ") for each in said)} == set()


@pytest.mark.parametrize("link", LINKS, ids=named(LINKS))
def test_whatever_a_stranger_puts_into_a_link_breaks_nothing(link: Link) -> None:
    for first in range(0, len(HOSTILE), 8):
        parameters = {name: HOSTILE[(first + place) % len(HOSTILE)] for place, name in enumerate(link.values)}
        complaints(visit(link.page, link.with_ | parameters))
    complaints(visit(link.page, dict.fromkeys(link.values, HOSTILE[:5])))
    complaints(visit(link.page, link.with_ | dict.fromkeys(link.values, "")))


def mutated(rng: random.Random, page: str) -> dict[str, str | list[str]]:
    """A link with one to four parameters of the page, each good, another's, hostile or repeated."""
    link = rng.choice([each for each in LINKS if each.page == page])
    good: dict[str, str | list[str]] = {**link.good}
    every = [value for each in LINKS for value, _ in each.values.values()]
    for name in rng.sample(sorted(link.values), min(len(link.values), rng.randint(1, 4))):
        text = rng.choice([rng.choice(HOSTILE), "".join(chr(rng.randrange(1, 0x2FFF)) for _ in range(rng.randrange(40)))])
        good[name] = rng.choice([text, text, [text, *rng.sample(HOSTILE, 2)], rng.choice(every)])
    return good


def visit_mutated(page: str, first: int, last: int) -> None:
    for number in range(first, last):
        link = mutated(random.Random(f"{page} {number}"), page)
        assert [error.value for error in visit(page, link).exception] == [], link


@pytest.mark.parametrize("page", sorted({link.page for link in LINKS}))
def test_mutated_links_break_nothing(page: str) -> None:
    visit_mutated(page, 0, 5)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({link.page for link in LINKS}))
def test_three_hundred_mutated_links_a_page_break_nothing(page: str) -> None:
    visit_mutated(page, 5, 300)
