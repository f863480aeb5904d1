"""Does the wheel work in an environment of its own, used from a folder outside the repository?"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from resnet_core.pictures.samples import sample

ROOT = Path(__file__).parents[1]
UV = Path(sys.executable).parent / "uv"
CALLER = """
import resnet_core as lens


def strongest(path: str) -> str:
    network = lens.load("resnet34-tiny", device="cpu")
    with open(path, "rb") as file:
        picture = lens.decode(file.read())
    found: lens.Inspection = lens.inspect(network, lens.prepare(picture, network.checkpoint))
    return max(found.blocks, key=lambda block: block.gradient_norm).label


print(strongest("photo.jpg"))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of an environment in which nothing but the wheel was installed."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([UV, "build", "--quiet", "--wheel", "--out-dir", folder, ROOT], check=True, timeout=300)
    subprocess.run([UV, "venv", "--quiet", "--python", sys.executable, folder / "env"], check=True, timeout=60)
    # the versions that are tested, and their exact builds of torch
    pins = subprocess.run([UV, "pip", "freeze", "--python", sys.executable], check=True, capture_output=True, text=True).stdout
    (folder / "pins.txt").write_text("".join(line + "\n" for line in pins.splitlines() if "==" in line))
    wheel = next(folder.glob("*.whl"))
    command = [UV, "pip", "install", "--quiet", "--python", folder / "env/bin/python", "-c", folder / "pins.txt", wheel]
    subprocess.run(command, check=True, timeout=900)
    return folder / "env" / "bin"


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A working directory with a photograph, outside the repository."""
    Image.fromarray(sample("coffee")).save(tmp_path / "photo.jpg")
    return tmp_path


def run(command: list[str | Path], cwd: Path) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_lists_and_inspects(installed: Path, outside: Path) -> None:
    assert "resnet34-tiny: trained on" in run([installed / "resnet-lens", "list"], outside)
    found = json.loads(run([installed / "resnet-lens", "inspect", "photo.jpg", "--json"], outside))
    assert len(found["blocks"]) == 16
    assert "resnet152" in run([installed / "python", "-m", "resnet_core", "list"], outside)


def test_no_file_of_the_repository_is_used(installed: Path, outside: Path) -> None:
    code = "import resnet_core, dashboard, resnet_core.assets as a; print(resnet_core.__file__, dashboard.__file__, a.WEIGHTS)"
    assert str(ROOT) not in run([installed / "python", "-c", code], outside)


def test_a_caller_is_checked_strictly_and_runs(installed: Path, outside: Path) -> None:
    (outside / "caller.py").write_text(CALLER)
    mypy = [sys.executable, "-m", "mypy", "--strict", "--python-executable", installed / "python", "caller.py"]
    assert "Success" in run(mypy, outside)
    assert run([installed / "python", "caller.py"], outside).startswith("conv")


@pytest.fixture
def dashboard(installed: Path, outside: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(outside), "OMP_NUM_THREADS": "1"}
    command = [installed / "resnet-lens", "dashboard", "--port", str(port), "--base-path", "lens"]
    with (outside / "log.txt").open("w") as log:
        server = subprocess.Popen(command, cwd=outside, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield f"http://127.0.0.1:{port}/lens"
    finally:
        os.killpg(server.pid, 9)
        server.wait(timeout=20)


def test_the_dashboard_answers(dashboard: str, outside: Path) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            health = urllib.request.urlopen(f"{dashboard}/_stcore/health", timeout=5).read()
            break
        except OSError:
            assert time.monotonic() < end, (outside / "log.txt").read_text()
            time.sleep(0.3)
    assert health == b"ok"
    assert b"<title>" in urllib.request.urlopen(dashboard, timeout=5).read()
    shutil.rmtree(outside / "runs", ignore_errors=True)
