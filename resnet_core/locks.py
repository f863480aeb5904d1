"""Who is at work here? The process that holds a lock file: the system ends the lock with the process, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from resnet_core.errors import InputError

PATIENCE = 1  # seconds to wait for those who look at a lock, who hold it for an instant


def take(path: Path, seconds: float = 0) -> FileLock | None:
    """Take the lock file `path`; return its lock, or None if somebody else holds it for longer than `seconds`.

    Any thread may release the lock, and so does its end as an object. A child process does not inherit it. Raises InputError
    where the file cannot be made, and on file systems without locks.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path.parent} cannot be made ({error.strerror}); choose another folder.") from None
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(timeout=seconds, poll_interval=0.005)
    except Timeout:
        return None
    except OSError as error:
        raise InputError(
            f"{path.parent} cannot be locked ({error.strerror}); choose a writable folder on a file system with locks."
        ) from None
    return lock


@contextmanager
def holding(path: Path, seconds: float = 0) -> Iterator[bool]:
    """Hold the lock file `path` during the block; yield False if somebody else holds it. Raises InputError as `take` does."""
    lock = take(path, seconds)
    try:
        yield lock is not None
    finally:
        if lock:
            lock.release()


def is_held(path: Path) -> bool:
    """Return whether a living process holds the lock file `path`; False if there is no such file, or no locks here.

    The test takes the lock for an instant. A second lock makes tests wait for each other, or each would look like an owner.
    """
    if not path.is_file():
        return False
    try:
        with holding(path.with_name(f"{path.name}.look"), PATIENCE) as alone, holding(path) as free:
            return not (alone and free)
    except InputError:
        return False
