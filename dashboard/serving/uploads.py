"""Where do visitors' files lie? In one private folder of this server, as DIGEST.safetensors, until their sessions end."""

from __future__ import annotations

import atexit
import hashlib
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from threading import Lock

import streamlit as st
from filelock import FileLock, Timeout

from dashboard.serving import limits
from resnet_core import InputError

_PREFIX = "resnet-lens-"
_LOCK = "server.lock"  # held while the server lives; a process number may belong to another process by now
_ONE_STORE = Lock()


class Store:
    """Files of all sessions in one folder that only this user can enter, each named by the digest of its bytes.

    Nothing that a visitor sends becomes part of a path. Sessions with the same file share it, until the last one releases it.
    """

    def __init__(self, parent: Path) -> None:
        """Make the folder in `parent`, and delete those of servers that were killed there."""
        self.folder, self._alive = _private_folder(parent)
        _remove_leftovers(self.folder)
        self._sizes: dict[str, int] = {}
        self._holders: defaultdict[str, set[SessionFiles]] = defaultdict(set)
        self._lock = Lock()

    def keep(self, session: SessionFiles, digest: str, data: bytes) -> Path:
        """Write the file for the session, unless it is there. Raises InputError where that exceeds a bound."""
        if not data:
            raise InputError("The file is empty; choose one that ResNet Lens saved.")
        if len(data) > limits.FILE_BYTES:
            raise InputError(f"The file has {_mb(len(data))}, more than {_mb(limits.FILE_BYTES)}; choose a smaller network.")
        path = self._path(digest)
        with self._lock:
            if session not in self._holders.get(digest, ()):
                own = [self._sizes[each] for each, holders in self._holders.items() if session in holders]
                if len(own) >= limits.SESSION_FILES or sum(own) + len(data) > limits.SESSION_BYTES:
                    most = f"{limits.SESSION_FILES} files and {_mb(limits.SESSION_BYTES)}"
                    raise InputError(f"A visitor may keep {most} here at most; remove one of your files first.")
                if digest not in self._sizes and sum(self._sizes.values()) + len(data) > limits.ALL_BYTES:
                    raise InputError("The server keeps as many files as it can; try again when other visitors have left.")
            if not path.exists():
                try:
                    path.write_bytes(data)
                except OSError as error:
                    path.unlink(missing_ok=True)
                    raise InputError(f"The server cannot keep the file ({error.strerror}); try again later.") from None
            self._sizes[digest] = len(data)
            self._holders[digest].add(session)
        return path

    def release(self, session: SessionFiles, keeping: Collection[str] = ()) -> None:
        """Delete what no other session holds of the session's files, except those whose digests are in `keeping`."""
        with self._lock:
            for digest in [each for each, holders in self._holders.items() if session in holders and each not in keeping]:
                self._holders[digest].remove(session)
                if not self._holders[digest]:
                    del self._holders[digest], self._sizes[digest]
                    self._path(digest).unlink(missing_ok=True)

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._alive.release()

    def _path(self, digest: str) -> Path:
        return self.folder / f"{digest}.safetensors"


class SessionFiles:
    """What one session keeps in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._digests: dict[int, tuple[bytes, str]] = {}  # Streamlit hands out the same bytes at every rerun

    def keep_only(self, uploads: Sequence[bytes], keeping: Sequence[str] = ()) -> list[Path | InputError]:
        """Keep these files, those with the digests `keeping`, and no others: for each upload its path, or why it is refused."""
        known = self._digests
        self._digests = {id(data): known.get(id(data)) or (data, hashlib.sha256(data).hexdigest()) for data in uploads}
        digests = [self._digests[id(data)][1] for data in uploads]
        self._store.release(self, keeping=[*digests, *keeping])
        kept: list[Path | InputError] = []
        for digest, data in zip(digests, uploads, strict=True):
            try:
                kept.append(self._store.keep(self, digest, data))
            except InputError as error:
                kept.append(error)
        return kept

    def release(self) -> None:
        """Give all of them up."""
        self._store.release(self)


@cache
def _store() -> Store:
    store = Store(Path(tempfile.gettempdir()))
    atexit.register(store.close)
    return store


def store() -> Store:
    """The one of this process. Call it when the server starts: it also removes what a killed server has left."""
    with _ONE_STORE:
        return _store()


@st.cache_resource(scope="session", on_release=SessionFiles.release, show_spinner=False)
def session_files() -> SessionFiles:
    """Of this session; Streamlit releases them when the visitor leaves."""
    return SessionFiles(store())


def _remove_leftovers(own: Path) -> None:
    """Delete folders beside the own one, of the same user, whose servers no longer live."""
    for folder in own.parent.glob(f"{_PREFIX}*"):
        lock = folder / _LOCK
        try:  # who owns it comes first: another user's folder may be a trap
            if folder == own or folder.lstat().st_uid != own.stat().st_uid or folder.is_symlink() or not lock.is_file():
                continue
            with FileLock(lock, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):
            continue


def _private_folder(parent: Path) -> tuple[Path, FileLock]:
    """A new folder with mode 0700, and the lock that says that its server lives."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        alive = FileLock(folder / _LOCK, thread_local=False)
        try:
            alive.acquire(timeout=0)
        except (Timeout, OSError):  # a server that starts at the same time takes the folder for a leftover
            continue
        if (folder / _LOCK).exists():
            folder.chmod(0o700)
            return folder, alive
        alive.release()


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
