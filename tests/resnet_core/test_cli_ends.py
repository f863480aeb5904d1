"""Does every command end in a sentence, whatever the system or the terminal does?"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from resnet_core.cli import main as core
from resnet_core.cli.shared import print_table


def ended(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one sentence with which the command ends."""
    monkeypatch.setattr(sys, "argv", ["resnet_core", *words])
    with pytest.raises(SystemExit) as stopped:
        core.main()
    out, said = capsys.readouterr()
    assert (stopped.value.code, out, said.count("\n")) == (2, "", 1)
    return said.strip()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (OSError(28, "No space left on device", "/data/x"), "The system refused something (/data/x: No space left on device)"),
        (PermissionError(13, "Permission denied"), "Permission denied"),
        (MemoryError(), "There is not enough memory (MemoryError)"),
        (RuntimeError("std::bad_alloc"), "There is not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate\n 9 bytes"), "There is not enough memory"),
        (RuntimeError("unable to open shared memory object </torch_1> in read-write mode"), "make /dev/shm writable"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"), "There is not enough memory"),
        (RuntimeError("CUDA error: out of memory"), "There is not enough memory"),
        (OSError(12, "Cannot allocate memory"), "There is not enough memory"),
        (OSError(1455, "The paging file is too small for this operation to complete"), "There is not enough memory"),
        (ImportError("libtorch.so: failed to map segment from shared object"), "There is not enough memory"),
        (RuntimeError("an illegal memory access was encountered"), "nobody foresaw"),
        (RuntimeError("unsupported memory format option"), "nobody foresaw"),
        (RuntimeError("can't start new thread"), "starts no more threads or processes"),
        (BlockingIOError(11, "Resource temporarily unavailable"), "starts no more threads or processes"),
        (
            RuntimeError(
                "Caught RuntimeError in worker.\nTraceback (most recent call last):\n  File x\nRuntimeError: what it was\n"
            ),
            "(RuntimeError: RuntimeError: what it was)",
        ),
        (OverflowError("too large"), "nobody foresaw (OverflowError: too large)"),
        (KeyError("x"), "nobody foresaw"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_an_unforeseen_error_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, says: str
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise error

    monkeypatch.setattr(core, "app", fail)
    assert says in ended(monkeypatch, capsys, "list")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--scale", "1e308"], "asks for more than 1,000,000,000 iterations"),
        (["--out", "n" * 300], "cannot be made (File name too long)"),
        (["--out", "n" * 300, "--resume"], "holds no run to go on with"),
        (["--data", "folder:~nobody-of-this-name"], "There is no home folder"),
        (["--start", "n" * 300], "There is no bundled network and no file"),
    ],
    ids=["scale", "out", "resume", "home", "start"],
)
def test_what_the_system_would_refuse_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, words: list[str], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["train", "resnet20-cifar", "--recipe", "quick", "--data", "digits", *words]
    assert says in ended(monkeypatch, capsys, *command)
    assert list(tmp_path.iterdir()) == []


def test_a_table_is_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    table = Table("network", "parameters", title=Text("[bold]target[/]: 7"), box=None)
    table.add_row("resnet34", "21,797,672")
    print_table(table)
    out = capsys.readouterr().out
    assert "resnet34" in out
    assert "21,797,672" in out
    assert "[bold]target[/]: 7" in out


def test_a_terminal_of_another_encoding_prints_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["resnet_core", "list"])
    monkeypatch.setattr(core, "app", lambda **_: print("‖F(x)‖ ± 1"))
    with pytest.raises(SystemExit) as stopped:
        core.main()
    stream.flush()
    assert not stopped.value.code
    assert stream.buffer.getvalue() == b"?F(x)? \xb1 1\n"
