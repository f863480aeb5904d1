"""How is a file written so that nobody ever sees half of it? Beside its place, then renamed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from resnet_core.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path; the file written there replaces `path` at the end of the block, or is removed after an error.

    Raises:
        InputError: The disk is full or the folder read-only; the file at `path` is as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        beside.touch()
        mode = beside.stat().st_mode
        yield beside
        beside.chmod(mode)  # safetensors leaves its files to their owner alone
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(path)
    except (OSError, SafetensorError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise InputError(f"{path} cannot be written ({reason}); what was there before is whole.") from None
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def save_npz(path: str | Path, fields: Mapping[str, Any]) -> None:
    """Write an .npz file with one array a field, without those that are None.

    Raises:
        InputError: As `replacing` does, and if the path does not end in .npz.
    """
    if Path(path).suffix != ".npz":
        raise InputError(f"{path} does not end in .npz, as what is written there; choose such a name.")
    with replacing(Path(path)) as beside, beside.open("wb") as file:
        np.savez_compressed(file, **{name: value for name, value in fields.items() if value is not None})
