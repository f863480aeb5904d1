"""Where do the runs of a study lie? Names of folders, and of the weights in them."""

from __future__ import annotations

from pathlib import Path

from resnet_core.assets import WEIGHTS


def study_folder_name(name: str, scale: float) -> str:
    """Return the name of the folder of a study's runs: the study's, with the scale of their iterations where that is not 1."""
    return name if scale == 1 else f"{name}-x{scale:g}"


def study_name(folder: str) -> str:
    """Return the name of the study whose runs are in a folder of that name."""
    return folder.split("-x")[0]


def weights_path(study_folder: Path, network: str, seed: int) -> Path:
    """Return the path of the weights of one run of a study, or of the bundled pair if `study_folder` is WEIGHTS."""
    if study_folder == WEIGHTS:
        return study_folder / f"{network}.safetensors"
    return study_folder / f"{network}-seed{seed}" / "last.safetensors"
