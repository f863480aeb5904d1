"""Who else hears what a training records? TensorBoard, Weights & Biases or MLflow, where they are installed."""

from __future__ import annotations

import os
import threading
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

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


class _Refusing(Logger):
    """A logger whose errors are sentences, whatever package it comes from."""

    def __init__(self, logger: Logger, kind: str) -> None:
        self._logger, self._kind = logger, kind

    @property
    def name(self) -> str | None:
        return self._logger.name

    @property
    def version(self) -> int | str | None:
        return self._logger.version

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        try:
            self._logger.log_metrics(metrics, step)
        except Exception as error:  # a full disk, a lost connection: each package has its own
            raise InputError(
                f"{self._kind} cannot record what is trained ({_reason(error)}); correct that, and the same command goes on "
                "from the last checkpoint, or leave out --logger."
            ) from None

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        self._logger.log_hyperparams(params, *args, **kwargs)

    def finalize(self, status: str) -> None:
        try:
            self._logger.finalize(status)
        except Exception as error:
            raise InputError(f"{self._kind} lost what it recorded last ({_reason(error)}); the run directory has it.") from None


def _reason(error: BaseException) -> str:
    """Return what the first of several errors says, in one line."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


@contextmanager
def _without_thread_tracebacks() -> Iterator[None]:
    """Print nothing where a logger's own thread meets an OSError, which the next call raises again."""
    before = threading.excepthook

    def hook(caught: threading.ExceptHookArgs) -> None:
        if not issubclass(caught.exc_type, OSError):
            before(caught)

    threading.excepthook = hook
    try:
        yield
    finally:
        threading.excepthook = before


@contextmanager
def listening(kind: str | None, folder: Path) -> Iterator[list[Logger]]:
    """Yield the loggers for Fabric, under the name of the run directory, and end them with the block.

    Args:
        kind: "tensorboard", "wandb" or "mlflow"; None: no logger.
        folder: The run directory.

    Raises:
        InputError: The logger is unknown, not installed, cannot begin, or cannot record.
    """
    if kind is None:
        yield []
        return
    if kind not in _LOGGERS:
        raise InputError(f"There is no logger named {kind!r}; known are {', '.join(_LOGGERS)}.")
    make, packages = _LOGGERS[kind]
    try:
        logger = _Refusing(make(folder), kind)
    except ModuleNotFoundError:
        raise InputError(f"{kind} is not installed; `pip install {packages}`, or leave out --logger.") from None
    except Exception as error:  # each has its own: no key, no connection, no such server
        raise InputError(f"{kind} cannot begin ({_reason(error)}); correct that, or leave out --logger.") from None
    with _without_thread_tracebacks():
        try:
            yield [logger]
        except BaseException:
            with suppress(InputError):  # the first error is the one to report
                logger.finalize("failed")
            raise
        logger.finalize("success")
