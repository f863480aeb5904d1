"""Does a disk that is full leave what was there, and one sentence? On a real limit of the size of files."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from resnet_core.atomic import replacing
from resnet_core.errors import InputError

ROOT = Path(__file__).parents[2]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_is_full_leaves_the_last_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"x": torch.ones(8)}, path)
    with (
        files_of_at_most(4096),
        pytest.raises(InputError, match=r"^\S+ cannot be written \([^\n]+\); what was there before is whole\.$"),
        replacing(path) as beside,
    ):
        save_file({"x": torch.zeros(100_000)}, beside)
    assert load_file(path)["x"].tolist() == [1] * 8
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_can_be_read_by_whom_the_system_lets(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing(tmp_path / "weights.safetensors") as beside:
            save_file({"x": torch.ones(8)}, beside)  # which by itself leaves it to its owner alone
    finally:
        os.umask(before)
    assert (tmp_path / "weights.safetensors").stat().st_mode & 0o777 == 0o640


@pytest.mark.slow
def test_a_training_on_a_full_disk_ends_with_one_sentence_and_its_last_checkpoint(tmp_path: Path) -> None:
    words = ["-m", "resnet_core", "train", "resnet20-cifar", "--width", "2", "--recipe", "quick", "--data", "digits"]
    limit = (
        f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); sys.argv = {words[1:]!r}"
    )
    code = f"{limit} + ['--out', {str(tmp_path)!r}]; runpy.run_module('resnet_core', run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if "cannot be written" in line]
    assert len(said) == 1
    assert "Traceback" not in done.stderr
    folder = next(tmp_path.iterdir())
    assert not list(folder.glob(".*.part"))
    assert load_file(folder / "state.safetensors")  # what grows are the metrics


def test_a_folder_of_runs_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "resnet_core", "train", "resnet20-cifar", "--recipe", "quick", "--data", "digits", "--out",
         str(tmp_path / "file" / "runs")],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 2
    assert "cannot be made" in done.stderr
    assert "Traceback" not in done.stderr
