"""Do the tables of STUDIES.md say what the run directories say, today? And does each shipped study have its section?"""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from dashboard.studies_report import STUDIES, TEXT, errors, made, pictures, rendered
from resnet_core import runs
from tests.support.run_facts import FACTS

DECIMAL = re.compile(r"\d+\.\d+(?:e[-+]\d+)?")
SHOWN = re.compile(r"\(pictures/(\S+)\)")


def test_the_tables_are_current() -> None:
    """To one unit in the last digit of a decimal number: a sum in another order may round half a digit to the other side."""
    text = TEXT.read_text()
    found = rendered(text)
    assert DECIMAL.split(found) == DECIMAL.split(text), "run `python -m dashboard.studies_report`"
    for now, written in zip(map(Decimal, DECIMAL.findall(found)), map(Decimal, DECIMAL.findall(text)), strict=True):
        unit = Decimal((0, (1,), int(written.as_tuple().exponent)))
        assert abs(now - written) <= unit, f"{written} is {now} now: run `python -m dashboard.studies_report`"


def test_every_shipped_study_has_its_section_and_every_picture_is_shown() -> None:
    text = TEXT.read_text()
    shipped = {path.name for path in STUDIES.iterdir() if any(path.glob("*/run.json"))} - {"pair"}
    assert shipped == set(re.findall(r"<!-- table made (\S+) -->", text))
    assert {path.name for path in (STUDIES / "pictures").iterdir()} == set(SHOWN.findall(text))


@pytest.mark.slow
def test_every_picture_of_the_report_is_drawn() -> None:
    assert {f"{name}.svg" for name, _ in pictures()} == set(SHOWN.findall(TEXT.read_text()))


def test_no_shipped_run_is_unfinished_or_of_changed_code() -> None:
    for path in STUDIES.glob("*/*/run.json"):
        facts = runs.read_facts(path.parent)
        assert facts["status"] == "finished", path
        assert facts["commit"], path
        assert not facts["commit"].endswith("+"), path


def run(root: Path, seed: int, train: float, test: float) -> None:
    folder = root / f"plain20-cifar-B-seed{seed}"
    folder.mkdir(parents=True)
    more = {"seed": seed, "commit": "0123456789abcdef", "hardware": {"threads": 1, "device": "cpu"}, "status": "finished"}
    data = {"title": "Toy", "source": "Toy data"}
    runs.write_facts(folder, {**FACTS, **more, "data": data})
    row = {"step": 100, "epoch": 1.0, "metric": "error_percent", "block": None}
    runs.write_metrics(folder, [{**row, "split": "train", "value": train}, {**row, "split": "test", "value": test}])


def test_a_table_by_hand(tmp_path: Path) -> None:
    run(tmp_path / "toy", 0, 10.0, 20.0)
    run(tmp_path / "toy", 1, 14.0, 21.0)
    assert errors(tmp_path / "toy").iloc[0].tolist() == ["plain20-cifar-B", "12.00 ± 2.83", "20.50 ± 0.71", 2]
    said = made(tmp_path / "toy").set_index("what").value
    assert said["seeds"] == "0, 1"
    assert said["hardware"] == "CPU, 1 thread a network"
    assert said["commits"] == "0123456789"
    text = "before\n<!-- table errors toy -->\nold\n<!-- end -->\nafter"
    found = rendered(text, tmp_path)
    assert found.startswith("before\n<!-- table errors toy -->\n| network | training error, % |")
    assert "| plain20-cifar-B | 12.00 ± 2.83 | 20.50 ± 0.71 | 2 |\n<!-- end -->\nafter" in found
    assert rendered(found, tmp_path) == found
