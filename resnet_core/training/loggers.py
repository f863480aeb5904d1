"""Who else hears what a training records? TensorBoard, Weights & Biases or MLflow, where they are installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lightning_fabric.loggers.logger import Logger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger

from resnet_core.errors import InputError

PROJECT = "resnet-lens"  # as W&B and MLflow list it


def _tensorboard(folder: Path) -> Logger:
    return TensorBoardLogger(folder.parent, folder.name, version="")  # in the run directory itself


def _wandb(folder: Path) -> Logger:
    from lightning.pytorch.loggers import WandbLogger

    logger = WandbLogger(name=folder.name, save_dir=folder, project=PROJECT)
    _ = logger.experiment  # asks for the key now, not in the middle of the training
    return logger


def _mlflow(folder: Path) -> Logger:
    from lightning.pytorch.loggers import MLFlowLogger

    folder.parent.mkdir(parents=True, exist_ok=True)
    address = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{folder.parent.absolute() / 'mlflow.db'}")
    return MLFlowLogger(PROJECT, run_name=folder.name, tracking_uri=address)


_LOGGERS: dict[str, tuple[Callable[[Path], Logger], str]] = {  # and what to install
    "tensorboard": (_tensorboard, "tensorboard"),
    "wandb": (_wandb, "lightning wandb"),
    "mlflow": (_mlflow, "lightning mlflow"),
}


@contextmanager
def listening(kind: str | None, folder: Path) -> Iterator[list[Logger]]:
    """The logger for Fabric, under the name of the run directory, until the training ends; None: nobody listens.

    Raises InputError where it is unknown, not installed, or cannot begin.
    """
    if kind is None:
        yield []
        return
    if kind not in _LOGGERS:
        raise InputError(f"There is no logger named {kind!r}; known are {', '.join(_LOGGERS)}.")
    make, packages = _LOGGERS[kind]
    try:
        logger = make(folder)
    except ModuleNotFoundError:
        raise InputError(f"{kind} is not installed; `pip install {packages}`, or leave out --logger.") from None
    except Exception as error:  # each has its own: no key, no connection, no such server
        reason = " ".join(str(error).split()).rstrip(".")
        raise InputError(f"{kind} cannot begin ({reason}); correct that, or leave out --logger.") from None
    status = "failed"
    try:
        yield [logger]
        status = "success"
    finally:
        logger.finalize(status)
