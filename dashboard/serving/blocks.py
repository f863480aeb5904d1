"""What does a block hold? Packed once, for all browsers, which answer every hover, edit and slider from it themselves."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from dashboard.serving.answers import OnWait, _ignore
from dashboard.serving.jobs import Progress, large, quick, slow
from dashboard.serving.networks import checkpoint, network
from dashboard.serving.photographs import Photograph, sample_photograph
from resnet_core.pictures.samples import SAMPLES

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
    from torch import Tensor

    from resnet_core.inspection.operations import BlockOperations, ConvolutionRecord
    from resnet_core.inspection.scaling import Fade

PATH = "blocks"  # below the site's base path
MOST_BYTES = 64 * 2**20  # of all packed blocks together
FACTORS = tuple(round(0.1 * i, 1) for i in range(21))  # of F(x); the shortcut goes to 1
Arrays = Mapping[str, NDArray[np.float32]]


class BlockStore:
    """Packed bytes by digest, compressed; the longest unused go first when `most_bytes` are passed. Safe for threads."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self._digests: dict[Hashable, str] = {}
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = Lock()

    def keep(self, key: Hashable, make: Callable[[], bytes]) -> str:
        """Return the digest of what `make` returns, which is called where nothing is kept for the key."""
        with self._lock:
            digest = self._digests.get(key, "")
            if digest in self._kept:
                self._kept.move_to_end(digest)
                return digest
        data = make()
        digest = hashlib.sha256(data).hexdigest()
        zipped = gzip.compress(data, compresslevel=6, mtime=0)
        with self._lock:
            self._digests[key], self._kept[digest] = digest, zipped
            while sum(map(len, self._kept.values())) > self.most_bytes and len(self._kept) > 1:
                gone, _ = self._kept.popitem(last=False)
                self._digests = {key: kept for key, kept in self._digests.items() if kept != gone}
        return digest

    def get(self, digest: str) -> bytes | None:
        """The compressed bytes, or None where they are not kept (any more)."""
        with self._lock:
            return self._kept.get(digest)


@st.cache_resource
def block_store() -> BlockStore:
    """The store of this server, for all sessions."""
    return BlockStore()


def routes(base_path: str) -> list[Route]:
    """The route below `base_path` ("" or "/lens") on which browsers fetch what a block holds."""
    from starlette.responses import Response
    from starlette.routing import Route

    async def block(request: Request) -> Response:
        zipped = block_store().get(request.path_params["digest"])
        if zipped is None:
            return Response(status_code=404)
        headers = {"cache-control": "private, max-age=31536000, immutable", "content-encoding": "gzip"}
        return Response(zipped, media_type="application/octet-stream", headers=headers)

    return [Route(f"{base_path}/{PATH}/{{digest}}.bin", block)]


def packed(facts: Mapping[str, Any], arrays: Arrays) -> bytes:
    """Facts as JSON and float32 arrays, one after the other, as `unpacked` in the browser reads them."""
    offsets, offset = {}, 0
    for name, array in arrays.items():
        offsets[name] = [offset, *array.shape]
        offset += 4 * array.size
    head = json.dumps({"facts": facts, "arrays": offsets}, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 4)
    return b"".join((len(head).to_bytes(4, "little"), head, *(array.astype("<f4").tobytes() for array in arrays.values())))


def operations(name: str, photograph: Photograph, block: str, target: int) -> BlockOperations:
    """What the block computes on the photograph."""
    lens, x = network(name), _input(name, photograph)

    def compute(_progress: Progress) -> BlockOperations:
        from resnet_core.inspection.operations import block_operations

        return block_operations(lens, x, block, target)

    return large().answer(("operations", name, photograph.digest, block, target), compute)


def _input(name: str, photograph: Photograph) -> Tensor:
    from resnet_core.pictures.network_input import prepare

    return prepare(photograph.pixels, checkpoint(name))


def packed_maps(key: Hashable, found: BlockOperations) -> str:
    """Digest of the block's inputs: of x, and of what later convolutions take."""
    return block_store().keep(
        ("maps", key), lambda: packed({}, {f"x{i}": each.x for i, each in enumerate(found.convolutions, 1)})
    )


def packed_channel(key: Hashable, found: BlockOperations, traced: tuple[int, ...]) -> str:
    """Digest of all that leads to one channel of the block's output, but for its inputs.

    Args:
        traced: a channel for every convolution, the last one's is the output's.
    """

    def make() -> bytes:
        arrays: dict[str, NDArray[np.float32]] = {"output": found.output[traced[-1]]}
        facts: dict[str, Any] = {"kind": found.kind, "convolutions": []}
        for i, (record, channel) in enumerate(zip(found.convolutions, traced, strict=True), 1):
            facts["convolutions"].append(_pack_channel(record, channel, str(i), arrays))
        if found.projection is not None:
            facts["projection"] = _pack_channel(found.projection, traced[-1], "p", arrays)
        if found.shortcut is not None:
            arrays["shortcut"] = found.shortcut[traced[-1]]
        return packed(facts, arrays)

    return block_store().keep(("channel", key, traced), make)


def _pack_channel(record: ConvolutionRecord, channel: int, name: str, arrays: dict[str, NDArray[np.float32]]) -> dict[str, Any]:
    arrays[f"weight{name}"] = record.weight[channel]
    arrays[f"sums{name}"] = record.sums[channel]
    arrays[f"normalised{name}"] = record.normalised[channel]
    norm = record.norm
    return {
        "channel": channel,
        "stride": record.stride,
        "padding": record.padding,
        "bias": None if record.bias is None else float(record.bias[channel]),
        "norm": norm
        and {
            "mean": float(norm.mean[channel]),
            "variance": float(norm.variance[channel]),
            "scale": float(norm.scale[channel]),
            "shift": float(norm.shift[channel]),
            "eps": norm.eps,
        },
    }


def fades(
    name: str, photograph: Photograph, target: int, block: str | None, on_wait: OnWait = _ignore
) -> tuple[Fade, Fade | None]:
    """What the network answers while F(x) fades from 0 to 2, and its shortcut from 0 to 1, in one block or (None) in all.

    The second is None for a plain network.
    """
    lens, x = network(name), _input(name, photograph)

    def compute(progress: Progress) -> tuple[Fade, Fade | None]:
        from resnet_core.inspection.scaling import fade, with_scaled_paths

        blocks = None if block is None else [block]
        of_residual = fade(
            lens,
            x,
            target,
            FACTORS,
            lambda factor: with_scaled_paths(lens, factor, blocks=blocks),
            lambda done: progress(done / 2),
        )
        if not lens.architecture.residual:
            return of_residual, None
        to_one = [factor for factor in FACTORS if factor <= 1]
        of_shortcut = fade(
            lens, x, target, to_one, lambda factor: with_scaled_paths(lens, shortcut=factor, blocks=blocks),
            lambda done: progress((1 + done) / 2),
        )  # fmt: skip
        return of_residual, of_shortcut

    return slow().answer(("fades", name, photograph.digest, target, block), compute, on_wait)


def beside(
    name: str, photograph: Photograph, on_wait: OnWait = _ignore
) -> tuple[list[Photograph], dict[tuple[int, ...], NDArray[np.float32]]]:
    """The photograph and its neighbours, all other samples; and its probabilities in every batch that holds it."""
    others = [sample_photograph(other) for other in SAMPLES]
    batch = [photograph, *(other for other in others if other.digest != photograph.digest)]
    lens, images = network(name), [_input(name, each) for each in batch]

    def compute(_progress: Progress) -> dict[tuple[int, ...], NDArray[np.float32]]:
        import torch

        from resnet_core.inspection.neighbours import answers_beside

        return answers_beside(lens, torch.stack(images))

    return batch, slow().answer(("beside", name, photograph.digest), compute, on_wait)


def batch_channel(name: str, batch: list[Photograph], block: str, convolution: str, channel: int) -> NDArray[np.float32]:
    """One channel of what a convolution gives for every photograph, (N, H, W), before its batch norm."""
    lens, images = network(name), [_input(name, each) for each in batch]

    def compute(_progress: Progress) -> NDArray[np.float32]:
        import torch

        from resnet_core.inspection.neighbours import convolution_of_batch

        return convolution_of_batch(lens, torch.stack(images), block, convolution, channel)

    return quick().answer(("batch channel", name, *(each.digest for each in batch), block, convolution, channel), compute)


def measured_field(name: str, photograph: Photograph, block: str, channel: int, row: int, column: int) -> NDArray[np.float32]:
    """How strongly every pixel that the network sees moves one cell, (H, W)."""
    lens, x = network(name), _input(name, photograph)

    def compute(_progress: Progress) -> NDArray[np.float32]:
        from resnet_core.inspection.receptive_fields import measured_field

        return measured_field(lens, x, block, channel, row, column)

    return quick().answer(("field", name, photograph.digest, block, channel, row, column), compute)


def measured_growth(name: str, photograph: Photograph) -> dict[str, NDArray[np.float32]]:
    """The measured field of every block's middle cell, by label."""
    lens, x = network(name), _input(name, photograph)

    def compute(_progress: Progress) -> dict[str, NDArray[np.float32]]:
        from resnet_core.inspection.receptive_fields import measured_growth

        return measured_growth(lens, x)

    return large().answer(("growth", name, photograph.digest), compute)


def largest_fields(name: str) -> dict[str, int]:
    """How many pixels, along one side, the middle cell of every block can see."""
    from resnet_core.inspection.receptive_fields import receptive_fields

    known = checkpoint(name)
    fields = receptive_fields(known.architecture, known.resolution)
    middles = {label: cells[len(cells) // 2] for label, cells in fields.items()}
    return {label: int(last - first + 1) for label, (first, last) in middles.items()}


def extents(name: str, block: str) -> list[list[int]]:
    """First and last pixel, along one side, that every cell of the block's output can see."""
    from resnet_core.inspection.receptive_fields import receptive_fields

    known = checkpoint(name)
    cells: list[list[int]] = receptive_fields(known.architecture, known.resolution)[block].tolist()
    return cells


def packed_batch(name: str, batch: list[Photograph], block: str, convolution: str, channel: int) -> str:
    """Digest of `batch_channel`, for the browser."""
    key = ("batch", name, *(each.digest for each in batch), block, convolution, channel)
    return block_store().keep(key, lambda: packed({}, {"batch": batch_channel(name, batch, block, convolution, channel)}))
