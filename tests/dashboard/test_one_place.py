"""Is a colour, a page's link, a study's title written in one place, so that a change touches at most three files?"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import dashboard
from dashboard import words
from dashboard.figures import colours
from dashboard.lecture.vocabulary import VOCABULARY
from resnet_core.studies.catalogue import STUDIES

HOME = Path(dashboard.__file__).parent
MEANINGS = (colours.PLAIN, colours.RESIDUAL, colours.FOR, colours.AGAINST)
BINDING = ("select", "segmented", "toggle", "pills", "chip", "number", "slider", "kept")  # functions of parts/link.py


def bound(view: Path) -> set[str]:
    """The parameters that a view binds to its link; "x" stands for what an f-string fills in."""
    calls = [node for node in ast.walk(ast.parse(view.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    found = set()
    for call in calls:
        function = call.func
        if not (isinstance(function, ast.Attribute) and ast.unparse(function.value) == "link" and function.attr in BINDING):
            continue
        name = call.args[0 if function.attr == "kept" else 1]
        if isinstance(name, ast.Constant):
            found.add(str(name.value))
        elif isinstance(name, ast.JoinedStr):
            found.add("".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in name.values))
    return found


def test_a_colour_with_a_meaning_is_written_in_one_file() -> None:
    pattern = re.compile("|".join(MEANINGS), re.IGNORECASE)
    files = [path for path in HOME.rglob("*") if path.suffix in (".py", ".css", ".js", ".html")]
    assert [path.name for path in files if pattern.search(path.read_text(encoding="utf-8"))] == ["colours.py"]
    assert all(colour in colours.CSS for colour in MEANINGS)


@pytest.mark.parametrize("page", VOCABULARY)
def test_a_scene_knows_every_parameter_that_its_view_binds(page: str) -> None:
    view = HOME / "views" / f"{page}.py"
    for parameter in bound(view):
        VOCABULARY[page].values_of(parameter)  # raises KeyError


def test_the_views_are_read_for_what_they_bind() -> None:
    assert {"block", "place", "sort", "channel", "colours"} <= bound(HOME / "views" / "feature_maps.py")
    assert {"study", "depths-x"} <= bound(HOME / "views" / "degradation.py")


def test_a_study_is_called_by_its_title() -> None:
    assert {name: study.title for name, study in STUDIES.items()} == words.STUDIES
    assert len(set(words.STUDIES.values())) == len(STUDIES)
