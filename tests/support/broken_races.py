"""What may be wrong with a race's folder? A whole one, named faults of it, and as many seeded ones as a test wants."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from resnet_core.live import race_folder

ROWS = [("loss", None, 2.3), ("error_percent", None, 91.0), ("gradient_norm", "conv2_1", 0.5), ("response_sd", "conv2_1", 1.5)]


def whole(folder: Path, status: str = "stopped") -> Path:
    """Write a race of three reports, without training."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "race.json", asdict(race_folder.Settings(depth=8, width=2, iterations=60)))
    _write(folder / "control.json", asdict(race_folder.Control()))
    for which in race_folder.NETWORKS:
        (folder / which).mkdir(exist_ok=True)
        row = race_folder.Settings(depth=8, width=2).network(which)
        facts = {
            "architecture": asdict(row),
            "layers": 8,
            "recipe": {"name": "quick", "iterations": 60},
            "data": {"title": "digits"},
        }
        _write(folder / which / "run.json", {**facts, "seed": 0, "seconds": 1.0, "status": status})
        lines = []
        for iteration in (5, 10, 15):
            rows = [
                {"step": iteration, "epoch": 0.1, "split": "train_batches", "metric": metric, "block": block, "value": value}
                for metric, block, value in ROWS
            ]
            guess = {"classes": list(range(10)), "probabilities": [0.25] * 10}
            lines.append(json.dumps({"iteration": iteration, "rows": rows, **guess}) + "\n")
        (folder / which / "live.jsonl").write_text("".join(lines))
    return folder


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def _changed(name: str, **fields: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        _write(folder / name, json.loads((folder / name).read_text()) | fields)

    return change


def _text(name: str, text: str | bytes) -> Callable[[Path], None]:
    return lambda folder: _written(folder / name, text)


def _written(path: Path, text: str | bytes) -> None:
    path.write_bytes(text.encode() if isinstance(text, str) else text)


WRONG_CLASS = {"iteration": 5, "rows": [], "classes": [10] * 10, "probabilities": [0] * 10}


def _folder_for_a_file(folder: Path) -> None:
    (folder / "plain/live.jsonl").unlink()
    (folder / "plain/live.jsonl").mkdir()


def _reused_number(folder: Path) -> None:
    _changed("plain/run.json", status="running")(folder)
    _written(folder / "plain/pid", "1")


# by what is wrong; True: it is another race, which can be read
FAULTS: dict[str, tuple[bool, Callable[[Path], None]]] = {
    "another version's control": (False, _text("control.json", '{"wish":"run","speed":2}')),
    "another version's race": (False, _changed("race.json", speed=2)),
    "nothing in a file": (False, _text("race.json", "")),
    "too deep": (False, _text("control.json", "[" * 100_000)),
    "a run too deep": (False, _text("plain/run.json", '{"a":' * 100_000)),
    "bytes that are no text": (False, _text("plain/run.json", b"\xff\xfe\x00")),
    "a list": (False, _text("race.json", "[1]")),
    "a word for a number": (False, _changed("race.json", depth="56")),
    "a fraction for a number": (False, _changed("race.json", iterations=350.5)),
    "a number that no float holds": (False, _changed("race.json", learning_rate=10**400)),
    "no number": (False, _changed("control.json", learning_rate=float("nan"))),
    "a wish that nobody has": (False, _changed("control.json", wish="fly")),
    "a status that no run has": (False, _changed("plain/run.json", status=["running"])),
    "a line that is none": (False, _text("plain/live.jsonl", '{"iteration":5}\n')),
    "blank lines": (False, _text("plain/live.jsonl", "   \n\n")),
    "a class that is none": (False, _text("plain/live.jsonl", json.dumps(WRONG_CLASS) + "\n")),
    "a folder for a file": (False, _folder_for_a_file),
    "half a line at the end": (True, lambda folder: _written(folder / "plain/live.jsonl", '{"iteration": 5, "ro')),
    "a rate that is not in the list": (True, _changed("control.json", learning_rate=0.123)),
    "few iterations": (True, _changed("race.json", iterations=3)),
    "no lane": (True, lambda folder: (folder / "residual").rename(folder / "other")),
    "a process that is another's": (True, _reused_number),
}  # fmt: skip

STRANGE: list[Any] = [
    None, True, -1, 0, 7, 1e308, -0.5, float("nan"), float("inf"), 10**400,
    "", "running", "conv9_9", "<b>", "\ud800", [], [[]], {}, {"a": 1}, [1] * 10,
]  # fmt: skip


def mutate(folder: Path, chance: random.Random) -> str:
    """Break one file of the race somehow; return what was done."""
    path = chance.choice(sorted(path for path in folder.rglob("*.json*") if path.is_file()))
    name = str(path.relative_to(folder))
    content = path.read_bytes()
    kind = chance.choice(["value", "value", "value", "cut", "bytes", "delete", "junk", "deep", "repeat"])
    if kind == "value":
        lines = [json.loads(line) for line in content.splitlines()]
        holder, key = chance.choice(_places(lines))
        value = chance.choice(STRANGE)
        if chance.random() < 0.2 and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = value
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return f"{name}: {key} became {value!r:.40}"
    if kind == "cut":
        path.write_bytes(content[: chance.randrange(len(content))])
    if kind == "bytes":
        changed = bytearray(content)
        for _ in range(chance.randint(1, 20)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(changed)
    if kind == "delete":
        path.unlink()
    if kind == "junk":
        path.write_bytes(chance.randbytes(chance.randint(1, 500)))
    if kind == "deep":
        path.write_bytes(chance.choice([b"[", b'{"a":']) * 100_000)
    if kind == "repeat":
        path.write_bytes(content * 2)
    return f"{name}: {kind}"


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a JSON value that holds something: the holder and the key or index."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [place for key in keys for place in [(value, key), *_places(value[key])]]
