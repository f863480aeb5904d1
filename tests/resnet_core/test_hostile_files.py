"""Files that somebody has mutated: each is read, or refused with a sentence, soon and without much memory."""

from __future__ import annotations

import json
import os
import random
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from resnet_core.networks.weights import save
from resnet_core.pictures import decode as decoding
from resnet_core.pictures.decode import decode
from resnet_core.pictures.encoded import Encoded
from tests.support.checkpoints import KEY, described, refusal, rewrite, trained
from tests.support.pictures import encoded, quarters
from tests.support.pictures import refusal as picture_refusal

ROOT = Path(__file__).parents[2]
SECONDS, MEGABYTES = 3, 1000  # of processor time for one file; of memory for them all, with Python and torch
# Each file is read in one process of its own kind, so that its memory and a crash can be seen.
READ = """
import json, sys, time
from pathlib import Path
from resnet_core import InputError
{read}
found = {{"read": 0, "refused": 0}}
slowest = 0
for path in sorted(Path(sys.argv[1]).iterdir()):
    start = time.process_time()
    try:
        read(path)
        found["read"] += 1
    except InputError as error:
        assert str(error)[-1] in ".?" and "\\n" not in str(error), (path, error)
        found["refused"] += 1
    slowest = max(slowest, time.process_time() - start)
# not getrusage's, which is the parent's until this process has more
peak = int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
print(json.dumps({{**found, "slowest": slowest, "megabytes": peak / 1000}}))
"""
READ_PICTURE = "from resnet_core.pictures.decode import decode\ndef read(path): decode(path.read_bytes())"
READ_WEIGHTS = """
from resnet_core.networks.weights import load
def read(path): load(path, "cpu")
read_warm = load("resnet34-tiny")
"""


def outcome(folder: Path, read: str) -> dict[str, float]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", READ.format(read=read), folder],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, float] = json.loads(done.stdout)
    return found


# Mutators: bytes, and a generator of random numbers


def flipped(data: bytes, chance: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(chance.randrange(1, 30)):
        found[chance.randrange(len(found))] = chance.randrange(256)
    return bytes(found)


def flipped_at_the_start(data: bytes, chance: random.Random) -> bytes:
    return flipped(data[:200], chance) + data[200:]


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(1, len(data))]


def doubled(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(data)) for _ in range(2))
    return data[:end] + data[start:end] * chance.randrange(1, 6) + data[end:]


def without_a_part(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 400) :]


def another_size(data: bytes, chance: random.Random) -> bytes:
    """A number in the first bytes becomes a large one."""
    place = chance.randrange(min(len(data), 200))
    number = chance.choice([2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 7000])
    return data[:place] + struct.pack(chance.choice("><") + "I", number) + data[place + 4 :]


def zeroed(data: bytes, chance: random.Random) -> bytes:
    start = chance.randrange(len(data))
    length = min(chance.randrange(1, 2000), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def with_rubbish_behind(data: bytes, chance: random.Random) -> bytes:
    return data + chance.randbytes(chance.randrange(1, 5000))


Mutator = Callable[[bytes, random.Random], bytes]
MUTATORS: tuple[Mutator, ...] = (
    flipped, flipped_at_the_start, cut, doubled, without_a_part, another_size, zeroed, with_rubbish_behind,
)  # fmt: skip


def mutate(folder: Path, originals: list[bytes], count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        chance = random.Random(number)
        data = chance.choice(originals)
        for mutator in chance.choices(MUTATORS, k=chance.randrange(1, 4)):
            data = mutator(data, chance)
        (folder / f"{number:05}.bin").write_bytes(data)
    return folder


def pictures() -> list[bytes]:
    drawn = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 400, 3), np.uint8)).resize((1200, 900))
    small = Image.fromarray(quarters())
    return [
        *(encoded(drawn, kind) for kind in ("JPEG", "PNG", "WEBP", "BMP", "GIF")),
        encoded(drawn, "JPEG", progressive=True, exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00"),
        encoded(drawn.convert("RGBA"), "PNG"),
        encoded(drawn.convert("RGBA"), "WEBP", lossless=True),
        encoded(drawn.convert("CMYK"), "JPEG"),
        encoded(small, "GIF", save_all=True, append_images=[small.rotate(90)] * 5),
        encoded(small, "WEBP", save_all=True, append_images=[small.rotate(90)] * 5),
        encoded(Image.fromarray(np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)), "PNG"),
    ]


@pytest.mark.parametrize("count", [100, pytest.param(2000, marks=pytest.mark.slow)])
def test_mutated_pictures_are_read_or_refused_in_seconds_and_a_gigabyte(tmp_path: Path, count: int) -> None:
    found = outcome(mutate(tmp_path / "pictures", pictures(), count), READ_PICTURE)
    assert found["read"] + found["refused"] == count
    assert min(found["read"], found["refused"]) > count / 10  # both happen
    assert found["slowest"] < SECONDS
    assert found["megabytes"] < MEGABYTES


# Weights: mutated bytes, and descriptions in which something else stands

VALUES = [
    0,
    -1,
    1.5,
    10**6,
    10**30,
    True,
    None,
    "",
    "C",
    "x" * 10_000,
    [],
    [1, 1],
    [1] * 5000,
    {},
    {"a": []},
    float("nan"),
    "\u202e",
]


def weights_file(path: Path) -> Path:
    save(trained(), described(), path)
    return path


def redescribed(path: Path, chance: random.Random) -> None:
    def change(_tensors: object, description: dict[str, object]) -> None:
        inner = description["architecture"]
        assert isinstance(inner, dict)
        for _ in range(chance.randrange(1, 3)):
            part = chance.choice([inner, description])
            part[chance.choice(sorted(part))] = chance.choice(VALUES)

    rewrite(path, change)


@pytest.mark.parametrize("count", [100, pytest.param(300, marks=pytest.mark.slow)])
def test_mutated_weights_are_read_or_refused_in_seconds_and_a_gigabyte(tmp_path: Path, count: int) -> None:
    original = weights_file(tmp_path / "small.safetensors")
    folder = mutate(tmp_path / "weights", [original.read_bytes()], count)
    for number, path in enumerate(sorted(folder.iterdir())):
        if number % 2:
            path.write_bytes(original.read_bytes())
            chance = random.Random(number)
            try:
                redescribed(path, chance)
            except (KeyError, AssertionError):  # a change before replaced what this one changes
                continue
    found = outcome(folder, READ_WEIGHTS)
    assert found["read"] + found["refused"] == count
    assert found["refused"] > count / 2
    assert found["slowest"] < SECONDS
    assert found["megabytes"] < MEGABYTES


def test_a_file_of_endless_descriptions_is_refused_at_once(tmp_path: Path) -> None:
    path = weights_file(tmp_path / "small.safetensors")
    save_file(load_file(path), path, {KEY: "[" * 5_000_000})
    assert refusal(path) == "small.safetensors has more than 4 MB of descriptions; give a file that ResNet Lens saved."


@pytest.mark.parametrize("stages", [17, 2000, 10_000])
def test_more_stages_than_any_network_has_are_refused_at_once(tmp_path: Path, stages: int) -> None:
    """Each has twice the channels of the one before, so the number of channels alone can take megabytes."""
    path = weights_file(tmp_path / "small.safetensors")
    tensors = {**load_file(path), **{f"t{i}": torch.zeros(1) for i in range(2 * stages + 2)}}
    save_file(tensors, path, {KEY: described().to_json()})
    rewrite(path, lambda _, description: description["architecture"].update(depths=[1] * stages))
    assert "no network has more than 16 stages" in refusal(path)


# Nobody waits for somebody else's large picture


def large() -> bytes:
    return encoded(Image.new("L", (7000, 7000), 128), "JPEG", progressive=True)


def with_scans(data: bytes, count: int) -> bytes:
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def test_a_picture_whose_scans_would_take_seconds_is_refused_before_they_are_decoded() -> None:
    assert "scans" in picture_refusal(with_scans(large(), 80))
    assert decode(with_scans(large(), 10)).shape == (1600, 1600, 3)
    assert decode(with_scans(encoded(quarters(), "JPEG", progressive=True), 80)).shape == (48, 64, 3)


def test_small_pictures_are_decoded_while_a_large_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    whole = decoding._rgb

    def slow(encoded: Encoded, longest: int | None) -> Image.Image:
        if encoded.size == (7000, 7000):
            begun.set()
            assert go_on.wait(60)
        return whole(encoded, longest)

    monkeypatch.setattr(decoding, "_rgb", slow)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(decode, large())
        try:
            assert begun.wait(60)
            assert decode(encoded(quarters())).shape == (48, 64, 3)
            assert not waiting.done()
        finally:
            go_on.set()
        assert waiting.result(60).shape == (1600, 1600, 3)
