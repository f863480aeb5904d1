"""Is a run directory written by one process, resumed whatever version began it, and untouched by what is refused?"""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from resnet_core import runs
from resnet_core.errors import InputError
from resnet_core.runs.run import FinishedError, LockedError, Run, comparable_digest
from resnet_core.training import hardware, loop
from tests.support.toy_training import RECIPE, TINY, StoppedError, contents, run, stop_at


def as_an_earlier_version_left_it(folder: Path) -> None:
    """The metrics as JSON in the header of the checkpoint, and no other file."""
    state = folder / "state.safetensors"
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    with safe_open(state, "pt") as file:
        header = file.metadata()
    del header["metrics_bytes"]
    save_file(load_file(state), state, {**header, "rows": json.dumps(rows)})
    (folder / "metrics.jsonl").unlink()


def test_an_unfinished_run_of_the_earlier_format_goes_on_bit_for_bit(tmp_path: Path, finished: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    as_an_earlier_version_left_it(tmp_path / "run")
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(100))
    run(tmp_path / "run")
    tensors, metrics, facts = contents(tmp_path / "run")
    assert (tensors, facts) == (contents(finished)[0], contents(finished)[2])
    pd.testing.assert_frame_equal(metrics, contents(finished)[1], check_exact=True)


def test_metrics_after_the_last_checkpoint_are_taken_back(tmp_path: Path, finished: Path) -> None:
    """What a training leaves that was killed between its metrics and its checkpoint, or on a full disk."""
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    with (tmp_path / "run/metrics.jsonl").open("a") as file:
        file.write('{"step": 80, "epoch": 1.0, "split": "test", "metric": "loss", "block": null, "value": 7.0}\n{"step": 1')
    run(tmp_path / "run")
    pd.testing.assert_frame_equal(contents(tmp_path / "run")[1], contents(finished)[1], check_exact=True)


def test_a_run_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path, finished: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path / "run", progress=stop_at(50))
    (tmp_path / "run/state.safetensors").unlink()
    run(tmp_path / "run")
    pd.testing.assert_frame_equal(contents(tmp_path / "run")[1], contents(finished)[1], check_exact=True)


def test_the_checkpoint_does_not_grow_with_the_metrics(tmp_path: Path) -> None:
    headers = []
    for iteration in (50, 100):
        with pytest.raises(StoppedError):
            run(tmp_path / "run", progress=stop_at(iteration))
        with safe_open(tmp_path / "run/state.safetensors", "pt") as file:
            headers.append(len(json.dumps(file.metadata())))
    assert headers[1] <= headers[0] + 4  # digits


def test_a_locked_directory_is_refused_before_anything_is_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def costly(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("it works before it asks for the lock")

    for module, name in ((loop, "Fabric"), (loop, "build"), (loop, "compiles"), (hardware, "can_compile")):
        monkeypatch.setattr(module, name, costly)
    with Run.open(tmp_path / "run"), pytest.raises(LockedError, match=r"^Another process is training [^\n]+\.$"):
        run(tmp_path / "run")


def test_a_finished_run_is_refused_before_its_data_are_opened(finished: Path) -> None:
    before = {path.name: path.read_bytes() for path in finished.iterdir()}
    with pytest.raises(FinishedError, match="finished"):
        loop.open_run(finished, TINY, RECIPE, 0, None)
    with pytest.raises(InputError, match="holds a run with another seed"):
        loop.open_run(finished, TINY, RECIPE, 1, None)
    assert {path.name: path.read_bytes() for path in finished.iterdir()} == before


def test_a_run_that_is_never_begun_leaves_no_folder(tmp_path: Path) -> None:
    with Run.open(tmp_path / "runs" / "run"):
        assert (tmp_path / "runs" / "run").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_named_in_utf8_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"is not named in UTF-8; choose another folder of runs with --out\.$"):
        Run.open(tmp_path / "r\udcffn")


def test_only_the_holder_of_the_lock_writes(tmp_path: Path) -> None:
    """Of several processes that train together, the others see the same run and write nothing."""
    with Run.open(tmp_path / "run") as first, Run.open(tmp_path / "run", writes=False) as second:
        second.begin({"seed": 0}, {})
        second.append([{"step": 1}])
        second.checkpoint({}, {"iteration": 1})
        second.finish()
        assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"]
        del first


def test_photographs_that_an_earlier_version_told_apart_by_name_are_compared_by_name() -> None:
    assert comparable_digest("aa+11-bb+22", "cc-dd") == "aa-bb"
    assert comparable_digest("aa+11-bb+22", "aa+33-bb+22") == "aa+11-bb+22"
    assert comparable_digest("aa-bb", "cc-dd") == comparable_digest("aa-bb", None) == "aa-bb"


def test_a_symbolic_link_to_a_run_is_a_run_and_comes_once(tmp_path: Path, finished: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root/linked").symlink_to(finished)
    (tmp_path / "root/again").symlink_to(finished)
    (tmp_path / "root/loop").symlink_to(tmp_path / "root")
    assert len(runs.find(tmp_path / "root")) == 1
    assert runs.find(tmp_path / "root", finished)[0].name in ("linked", "run")
    assert len(runs.find(tmp_path / "root", finished)) == 1
