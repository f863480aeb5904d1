"""Is what a training wrote read back as it was, and is nothing ever seen half written? Judged by pandas, readers and a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from resnet_core import runs
from resnet_core.atomic import replacing
from resnet_core.errors import InputError
from tests.support.run_facts import FACTS

ROWS = [
    {"step": 50, "epoch": 0.5, "split": "train_batches", "metric": "loss", "block": None, "value": 2.5},
    {"step": 100, "epoch": 1.0, "split": "test", "metric": "error_percent", "block": None, "value": 61.25},
]


def write_run(folder: Path, rows: list[dict[str, Any]] = ROWS, **changes: Any) -> None:
    folder.mkdir(parents=True)
    runs.write_facts(folder, FACTS | changes)
    runs.write_metrics(folder, rows)


def test_facts_and_metrics_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    assert runs.read_facts(tmp_path / "run") == FACTS
    assert json.loads((tmp_path / "run/run.json").read_text()) == FACTS
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "run/metrics.parquet"), pd.DataFrame(ROWS))
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["metrics.parquet", "run.json"]


def test_runs_are_one_tidy_table(tmp_path: Path) -> None:
    write_run(tmp_path / "a")
    write_run(
        tmp_path / "deep/er/b", ROWS[:1], architecture={"name": "resnet20-cifar", "shortcut": "A", "batch_norm": False}, seed=4
    )
    table = runs.load(tmp_path)
    assert list(table.columns) == [
        *(
            "run",
            "network",
            "architecture",
            "layers",
            "residual",
            "batch_norm",
            "data",
            "recipe",
            "seed",
            "scale",
            "iterations",
            "seconds",
        ),
        *("step", "epoch", "split", "metric", "block", "value"),
    ]
    first = ("a", "a", "plain20-cifar", 20, False, True, "Toy data", "short", 3, 1.0, 100, 12.5)
    second = ("b", "b", "resnet20-cifar", 20, True, False, "Toy data", "short", 4, 1.0, 100, 12.5)
    assert [tuple(row)[:12] for row in table.itertuples(index=False)] == [first, first, second]
    assert table["value"].tolist() == [2.5, 61.25, 2.5]
    assert table["step"].tolist() == [50, 100, 50]
    assert table["block"].isna().all()


def test_several_roots_are_read_one_after_the_other(tmp_path: Path) -> None:
    write_run(tmp_path / "one/a")
    write_run(tmp_path / "two/b")
    assert set(runs.load(tmp_path / "one", tmp_path / "two")["run"]) == {"a", "b"}
    assert set(runs.load(tmp_path / "two")["run"]) == {"b"}


def test_a_run_that_has_not_finished_does_not_hide_the_others(tmp_path: Path) -> None:
    write_run(tmp_path / "finished")
    (tmp_path / "running").mkdir()
    runs.write_facts(tmp_path / "running", FACTS | {"status": "running"})
    assert set(runs.load(tmp_path)["run"]) == {"finished"}


@pytest.mark.parametrize("roots", [[], ["empty"], ["missing"]], ids=str)
def test_no_run_at_all_is_one_sentence(tmp_path: Path, roots: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"^There is no [^\n]*run[^\n]* in [^\n]*\.$"):
        runs.load(*(tmp_path / root for root in roots))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "3", '"text"', "{}", '{"architecture": 5, "status": "finished"}', '{"architecture": {}}', "\xff\xfe"],
)
def test_a_run_json_that_is_none_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_bytes(text.encode("latin-1"))
    for read in (runs.read_facts, runs.load):
        with pytest.raises(InputError, match=r"run\.json[^\n]*\.$"):
            read(tmp_path)


def test_facts_that_lack_what_the_table_needs_are_refused_in_one_sentence(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run/run.json").write_text('{"architecture": {"name": "resnet18"}, "status": "finished"}')
    with pytest.raises(InputError, match=r"run\.json[^\n]*\.$"):
        runs.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"step,epoch\n1,2\n"], ids=["empty", "truncated", "text"])
def test_metrics_that_are_none_are_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    write_run(tmp_path / "run")
    (tmp_path / "run/metrics.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"metrics\.parquet[^\n]*\.$"):
        runs.load(tmp_path)


def test_a_folder_without_run_json_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not a run directory: it has no run\.json\.$"):
        runs.read_facts(tmp_path)


def test_a_file_is_its_old_self_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with replacing(path) as part:
        part.write_text("old")
        assert not path.exists()
    with replacing(path) as part:
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as part:
            part.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    program = (
        "import pathlib, sys\n"
        "from resnet_core.atomic import replacing\n"
        "with replacing(pathlib.Path(sys.argv[1])) as part:\n"
        "    part.write_text('ne')\n"
        "    print('half', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert path.read_text() == "old"


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x" * 100_000)
    done = threading.Event()

    def write() -> None:
        try:
            for letter in "abcdefghij" * 5:
                with replacing(path) as part, part.open("w") as file:
                    for _ in range(100):
                        file.write(letter * 1000)
                        file.flush()
        finally:
            done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    while not done.is_set():
        text = path.read_text()
        seen.add((len(text), len(set(text))))
    writer.join()
    assert seen == {(100_000, 1)}
    assert path.read_text() == "j" * 100_000


@pytest.mark.parametrize(
    "change", [{"recipe": []}, {"recipe": {}}, {"architecture": {"width": 4}}, {"data": None}, {"status": 3}], ids=str
)
def test_a_description_without_its_names_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    runs.write_facts(tmp_path, {**FACTS, "status": "finished", **change})
    with pytest.raises(InputError, match=r"run\.json is not a run's description \([^\n]+\)\.$"):
        runs.read_facts(tmp_path)


def test_where_there_can_be_no_description_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(b"")
    (tmp_path / "folder" / "run.json").mkdir(parents=True)
    for place in ("nothing", "picture.jpg", "folder"):
        with pytest.raises(InputError, match=r"is not a run directory: it has no run\.json\.$"):
            runs.read_facts(tmp_path / place)
