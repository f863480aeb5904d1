"""Is every number of a result computed? No literal one stands in a finding, in the texts around them, or in a page's sentence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import dashboard
from dashboard.findings import FINDINGS
from dashboard.findings.measured import local_minima, roughness
from dashboard.findings.numbers import differ, number, verdict, wrapped
from dashboard.studies_report import README, STUDIES, TEXT, rendered
from resnet_core import runs
from resnet_core.networks.weights import bundled, read_checkpoint
from tests.support.run_facts import FACTS

FOLDER = Path(dashboard.__file__).parent
GENERATED = re.compile(r"<!-- (?:table|finding) .*?<!-- end -->", re.DOTALL)
RESULT = re.compile(r"\d+\.\d+|\d+(?:\.\d+)? ?%")  # what a measurement may have given: a decimal number, or a percentage
# numbers that are not results of ours: what a paper prints, names of papers and sections, settings, statistics
CITED = (
    r"25\.03|27\.88|28\.54|27\.94|24\.52|24\.19|0\.45 %|95 %|90 %|arXiv:\d+\.\d+|(?:section|footnote) \d+\.\d+|above 60 %"
    r"|\b0\.(?:02|05|1|01)\b|100 %|below 80 %|about 1\.21 \(Yang"
    # names of studies in links, style sheets, and definitions of what is counted
    r"|[a-z0-9]+-x0\.\d+|<[^>]*>|(?:of at least|within|less than|at most) 0\.5"
)


def text_of(node: ast.AST) -> str:
    """The constant parts of a string or an f-string; what is computed is left out."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return " ".join(part.value if isinstance(part, ast.Constant) else "" for part in node.values)
    return ""


def strings(path: Path) -> Iterator[str]:
    """Every string of a module but docstrings and format specifications."""
    tree = ast.parse(path.read_text())
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FormattedValue) and node.format_spec:
            inside |= {id(part) for part in ast.walk(node.format_spec)}
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inside.add(id(node.value))
    yield from (text_of(node) for node in ast.walk(tree) if id(node) not in inside)


def literal_results(text: str) -> list[str]:
    return RESULT.findall(re.sub(CITED, "", text, flags=re.IGNORECASE))


@pytest.mark.parametrize("path", sorted((FOLDER / "findings").glob("*.py")), ids=lambda path: path.stem)
def test_no_finding_holds_a_result_as_a_literal(path: Path) -> None:
    assert {text: literal_results(text) for text in strings(path) if literal_results(text)} == {}


SIZES = ("scene", "document")  # files that hold the sizes of a hand-out
PAGES = [path for path in sorted((FOLDER / "scenes").glob("*.py")) if path.stem not in SIZES]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_no_sentence_of_a_page_holds_a_result_as_a_literal(path: Path) -> None:
    assert {text: literal_results(text) for text in strings(path) if literal_results(text)} == {}


def test_every_finding_stands_in_a_text_and_none_is_unknown() -> None:
    said = re.findall(r"<!-- finding (\S+) \S+ -->", TEXT.read_text() + README.read_text())
    waiting = {"pair", "pair_rates"} if not (STUDIES / "pair-rates").exists() else set()
    assert sorted(said) == sorted(FINDINGS.keys() - waiting)


@pytest.mark.parametrize("path", [TEXT, README], ids=["STUDIES", "README"])
def test_what_was_found_is_what_the_run_directories_say_now(path: Path) -> None:
    """To one unit in the last digit, as the tables."""
    text = path.read_text()
    now = rendered(text)
    digits = re.compile(r"\d[\d,]*(?:\.\d+)?")
    assert digits.split(now.replace("\n", " ")) == digits.split(text.replace("\n", " ")), (
        "run `python -m dashboard.studies_report`"
    )
    for written, computed in zip(digits.findall(text), digits.findall(now), strict=True):
        unit = 10.0 ** -len(written.partition(".")[2])
        assert abs(float(written.replace(",", "")) - float(computed.replace(",", ""))) <= 1.001 * unit


def test_the_studies_text_holds_no_result_outside_of_what_is_computed() -> None:
    """But for what papers print, and what the text says was measured before the project."""
    text = GENERATED.sub("", TEXT.read_text())
    text = re.sub(r"(?m)^    .*$|!\[.*?\]\(.*?\)|`[^`]*`", "", text)
    paragraphs = [part for part in text.split("\n\n") if "The paper's test errors" not in part]
    assert {part: literal_results(part) for part in paragraphs if literal_results(part)} == {}


def test_the_readmes_test_errors_of_the_pair_are_those_in_its_weights_files() -> None:
    (line,) = re.findall(r"(?m)^\| test error, running .*$", README.read_text())
    in_files = [read_checkpoint(name).test_error_percent for name in bundled()]
    assert re.findall(r"(\d+\.\d+) %", line) == [f"{error:.2f}" for error in in_files]


def run(root: Path, study: str, network: str, train: float, test: float) -> None:
    """A finished run whose errors are the same by both statistics."""
    folder = root / study / f"{network}-seed0"
    folder.mkdir(parents=True)
    runs.write_facts(folder, {**FACTS, "seed": 0, "status": "finished"})
    row = {"step": 100, "epoch": 1.0, "block": None}
    ends = [
        {**row, "split": split, "metric": metric, "value": value}
        for split, value in (("train", train), ("test", test))
        for metric in ("error_percent", "reestimated_error_percent")
    ]
    clipped = {**row, "split": "train_batches", "metric": "clipped_percent", "value": 12.0}
    runs.write_metrics(folder, [clipped, *ends])


def test_the_pair_is_judged_by_each_networks_own_best_rate(tmp_path: Path) -> None:
    for rate, plain, residual in (("0.0125", 70.0, 40.0), ("0.05", 60.0, 50.0)):
        run(tmp_path, "pair-rates", f"plain34-rate-{rate}", plain, plain + 1)
        run(tmp_path, "pair-rates", f"resnet34-rate-{rate}", residual, residual + 1)
    run(tmp_path, "pair", "plain34-rate-0.05", 30.0, 42.0)
    run(tmp_path, "pair", "resnet34-rate-0.0125", 15.0, 31.5)
    pilots = " ".join(FINDINGS["pair_rates"](tmp_path / "pair-rates").split())
    assert "plain-34 71.0 % at 0.0125, 61.0 % at 0.05; ResNet-34 41.0 % at 0.0125, 51.0 % at 0.05" in pilots
    assert "The best learning rate is 0.05 for plain-34 and 0.0125 for ResNet-34: each has its own." in pilots
    assert "Clipping acted in 12 % in plain-34; 12 % in ResNet-34" in pilots
    found = " ".join(FINDINGS["pair"](tmp_path / "pair").split())
    assert "plain-34 errs on 42.0 % of the test images and ResNet-34 on 31.5 %: a gap of 10.5 points" in found
    assert "it is 30.0 and 15.0 %, 2.0 times as many" in found
    assert "the same to within a point" in found


def test_one_seed_gives_no_verdict_and_a_verdict_needs_more_than_both_spreads() -> None:
    apart, close = pd.Series([10.0, 11.0, 12.0]), pd.Series([1.0, 2.0, 3.0])
    assert differ(close, apart)
    assert not differ(close, close + 1.9)
    assert differ(close, pd.Series([50.0])) is None
    assert verdict(close, apart, "worse", "no") == "worse"
    assert verdict(apart, close, "worse", "no") == "no", "the other way round"
    assert "one seed gives no verdict" in verdict(close, pd.Series([50.0]), "worse", "no")


def test_minima_and_roughness_by_hand() -> None:
    bowl = np.add.outer(np.arange(-2.0, 3) ** 2, np.arange(-2.0, 3) ** 2)
    assert local_minima(bowl) == 1
    assert roughness(bowl) == 4  # the second difference of x² is 2, in two directions
    two = np.minimum(bowl, np.roll(bowl, 2, 0))
    assert local_minima(np.pad(two, 1, constant_values=99.0)) >= 1
    assert local_minima(-bowl) == 0


def test_numbers_and_lines_are_written_as_people_write_them() -> None:
    assert [number(value) for value in (4512.0, 0.0741, 18.2)] == ["4,500", "0.074", "18"]
    assert max(map(len, wrapped("word " * 100).splitlines())) <= 130
    assert wrapped("| a | b |\n|---|---|\n| 1 | 2 |\n\ntext") == "| a | b |\n|---|---|\n| 1 | 2 |\n\ntext"
