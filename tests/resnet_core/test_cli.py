from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torchvision
from PIL import Image
from scipy.stats import spearmanr

from resnet_core.assets import STUDIES
from resnet_core.cli import main as core
from resnet_core.pictures.samples import sample


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Calls the command line with the words, and returns (exit code, stdout, stderr)."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["resnet_core", *words])
        with pytest.raises(SystemExit) as stopped:
            core.main()
        captured = capsys.readouterr()
        return stopped.value.code or 0, captured.out, captured.err

    return call


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    path = tmp_path / "cat.png"
    Image.fromarray(sample("cat")).save(path)
    return path


def test_list_names_every_network_with_torchvisions_parameter_count(run):
    code, out, _ = run("list")
    assert code == 0
    for name in ("resnet18", "resnet152"):
        count = sum(p.numel() for p in torchvision.models.get_model(name).parameters())
        assert f"{count:,}" in next(line for line in out.splitlines() if line.split()[:1] == [name])


def test_summary_adds_up_to_torchvisions_parameter_count(run):
    code, out, _ = run("summary", "resnet34")
    assert code == 0
    assert "21,797,672" in out.splitlines()[-1]


def test_inspect_prints_json_with_a_row_for_every_block(run, photograph):
    code, out, _ = run("inspect", str(photograph), "--network", "resnet34-tiny", "--target", "goldfish", "--json")
    assert code == 0
    told = json.loads(out)
    assert told["target"] == "goldfish"
    assert [block["block"] for block in told["blocks"]][::15] == ["conv2_1", "conv5_3"]
    assert len(told["blocks"]) == 16
    assert all(block["gradient_norm"] > 0 and np.isfinite(block["response_std"]) for block in told["blocks"])
    assert [row["probability"] for row in told["top"]] == sorted((row["probability"] for row in told["top"]), reverse=True)


def test_inspect_prints_a_table_for_people(run, photograph):
    code, out, _ = run("inspect", str(photograph))
    assert code == 0
    assert "conv4_6" in out


def test_runs_are_listed_shown_compared_and_exported(run):
    pair = [STUDIES / "pair" / f"{name}-tiny-imagenet-medium-seed0" for name in ("plain34", "resnet34")]
    metrics = [pd.read_parquet(folder / "metrics.parquet") for folder in pair]
    errors = [table[(table.metric == "error_percent") & (table.split == "test")].set_index("step").value for table in metrics]

    code, out, _ = run("runs", "--in", str(pair[0].parent))
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines()[1:]] == [f"{error.iloc[-1]:.2f}" for error in errors]

    code, out, _ = run("runs", "show", str(pair[1]))
    assert code == 0
    steps = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line[:1].isdigit()}
    for step, error in errors[1].items():  # the tests, which are few, are all there
        assert steps[str(step)][0] == f"{error:.2f}"
    assert len(steps) < 70

    code, out, _ = run("runs", "compare", *map(str, pair))
    assert code == 0
    assert [out.splitlines()[-1].split()[i] for i in (0, 1, 4)] == ["15800", "89.12", "50.34"]

    code, out, _ = run("runs", "export", str(pair[0]), "--csv")
    assert code == 0
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(out)), metrics[0], check_dtype=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["summary", "resnet35"], "did you mean 'resnet"),
        (["summary", "alexnet"], "There is no network named 'alexnet'"),
        (["summary"], "Missing"),
        (["nonsense"], "No such command"),
        (["list", "--colour"], "No such option"),
        (["inspect", "{missing}"], "cannot be read"),
        (["inspect", "{text}"], "is not a JPEG, PNG, WebP, BMP or GIF picture"),
        (["inspect", "{folder}"], "cannot be read"),
        (["inspect", "{photograph}", "--network", "resnet34-tinny"], "did you mean 'resnet34-tiny'"),
        (["inspect", "{photograph}", "--network", "{text}"], "is not a whole safetensors file"),
        (["inspect", "{photograph}", "--network", "torchvision:vgg16"], "torchvision has no weights for 'vgg16'"),
        (["inspect", "{photograph}", "--target", "unicorn"], "has no class named 'unicorn'"),
        (["feature-maps", "{photograph}", "conv4_7"], "This network has no block 'conv4_7'; did you mean 'conv4_"),
        (["feature-maps", "{photograph}", "conv4_6", "--out", "{missing}/maps.npz"], "cannot be written"),
        (["gradient-flow", "resnet34-tiny"], "has learned other classes than those of"),
        (["gradient-flow", "resnet20"], "There is no bundled network and no file named 'resnet20'"),
        (["gradient-flow", "resnet20-cifar", "--images", "0"], "Invalid value for '--images'"),
        (["study", "race", "--seeds", "0"], "Invalid value for '--seeds'"),
        (["study", "race", "--jobs", "-1"], "Invalid value for '--jobs'"),
        (["train", "resnet20-cifar", "--data", "digits", "--threads", "-1"], "Invalid value for '--threads'"),
        (["train", "resnet20-cifar", "--data", "digits", "--seed", "99999999999999999999"], "Invalid value for '--seed'"),
        (
            ["attribute", "{photograph}", "--method", "gradient-x-input", "--out", "{missing}/a.npz"],
            "cannot be written",
        ),
        (["attribute", "{photograph}", "--method", "grad-cam", "--out", "{photograph}"], "does not end in .npz"),
        (["train", "resnet34", "--recipe", "miracle"], "There is no recipe named 'miracle'"),
        (["train", "resnet34", "--data", "imagenot"], "There is no dataset named 'imagenot'"),
        (["train", "resnet34", "--width", "0"], "must be at least 1"),
        (["train", "resnet34", "--shortcut", "D"], "shortcut must be one of"),
        (["train", "resnet20-cifar", "--data", "digits", "--logger", "pigeon"], "There is no logger named 'pigeon'"),
        (["train", "resnet20-cifar", "--data", "digits", "--resume"], "holds no run to go on with"),
        (["train", "plain34"], "Tiny-ImageNet is not complete"),
    ],
)
def test_bad_input_is_one_sentence_on_stderr_and_exit_code_2(run, photograph, tmp_path, monkeypatch, words, said):
    text = tmp_path / "words.jpg"
    text.write_text("only words")
    places = {"missing": tmp_path / "nothing.png", "text": text, "folder": tmp_path, "photograph": photograph}
    monkeypatch.setenv("RESNET_LENS_DATA", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*(word.format(**places) for word in words))
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1
    assert err.rstrip()[-1] in ".?"
    assert not (tmp_path / "runs").exists()


def test_attribute_writes_the_values(run, photograph: Path, tmp_path: Path):
    code, out, _ = run(
        *("attribute", str(photograph), "--method", "gradient-x-input"), "--out", str(tmp_path / "a.npz"), "--target", "tabby"
    )
    assert code == 0
    assert out.startswith("gradient-x-input for tabby: ")
    with np.load(tmp_path / "a.npz") as saved:
        assert saved["values"].shape == (128, 128)
        assert str(saved["method"]) == "gradient-x-input"


def test_attribute_contrasts_two_classes(run, photograph: Path, tmp_path: Path):
    asked = ("attribute", str(photograph), "--method", "gradient-x-input", "--target", "tabby")
    values = {}
    for name, words in {"both": ("--against", "goldfish"), "tabby": (), "goldfish": ("--target", "goldfish")}.items():
        code, out, _ = run(*asked, *words, "--out", str(tmp_path / "a.npz"))
        assert code == 0
        assert out.startswith("gradient-x-input for tabby rather than goldfish: ") == (name == "both")
        with np.load(tmp_path / "a.npz") as saved:
            values[name] = saved["values"]
            assert ("against" in saved) == (name == "both")
    np.testing.assert_allclose(values["both"], values["tabby"] - values["goldfish"], atol=1e-5)
    for against, said in (("tabby", "A class cannot be contrasted with itself"), ("unicorn", "has no class named 'unicorn'")):
        code, out, err = run(*asked, "--against", against)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err


@pytest.mark.slow
def test_trust_tells_what_stays_and_what_the_pixels_do(run, photograph: Path, tmp_path: Path):
    asked = ("trust", str(photograph), "--method", "grad-cam", "--target", "tabby", "--out")
    code, out, _ = run(*asked, str(tmp_path / "trust.npz"))
    assert code == 0
    with np.load(tmp_path / "trust.npz") as saved:
        layers, alike, curve = saved["cascade layers"], saved["cascade absolute"], saved["curves deletion"]
        original, random = saved["cascade maps"][0], saved["cascade maps"][1]
    rows = [line.split() for line in out.splitlines() if line.strip().startswith(("fc", "conv"))]
    assert [(row[0], row[1]) for row in rows] == [
        (str(layer), f"{value:.2f}") for layer, value in zip(layers, alike, strict=True)
    ]
    assert alike[0] == pytest.approx(spearmanr(np.abs(original).ravel(), np.abs(random).ravel()).statistic)
    area = np.sum((curve[1:] + curve[:-1]) / 2) / (len(curve) - 1)
    assert f"deletion curve {area:.3f}, of pixels in 5 random orders 0." in out
    code, out, err = run(*asked, str(tmp_path / "nowhere" / "trust.npz"))
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("method", ["grad_cam", "lime"])
def test_an_unknown_method_is_named(run, photograph: Path, tmp_path: Path, method: str):
    code, out, err = run("attribute", str(photograph), "--method", method, "--out", str(tmp_path / "a.npz"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"There is no attribution method named '{method}'; ")
    assert not list(tmp_path.glob("*.npz"))


def test_feature_maps_writes_every_place(run, photograph: Path, tmp_path: Path):
    code, out, _ = run("feature-maps", str(photograph), "conv3_2", "--out", str(tmp_path / "maps.npz"))
    assert code == 0
    assert "shortcut" in out
    with np.load(tmp_path / "maps.npz") as saved:
        assert saved["output"].shape == (64, 16, 16)
        np.testing.assert_allclose(saved["F(x)"] + saved["shortcut"], saved["sum"], rtol=1e-5, atol=1e-5)


def test_gradient_flow_of_a_new_network(run, tmp_path: Path):
    code, out, _ = run("gradient-flow", "plain20-cifar", "--no-batch-norm", "--images", "4", "--out", str(tmp_path / "flow.npz"))
    assert code == 0
    assert "conv4_3" in out
    with np.load(tmp_path / "flow.npz") as saved:
        assert saved["block"].tolist() == [f"conv{stage}_{index}" for stage in (2, 3, 4) for index in (1, 2, 3)]
        assert (saved["gradient_norm"] > 0).all()
