"""Through which paths does the gradient reach the image? Veit, Wilber and Belongie 2016, sections 4 and 5."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from resnet_core.errors import InputError
from resnet_core.inspection.isolation import isolated
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.resnet import ResNet


@dataclass(frozen=True)
class _Piece:
    """A block with a graph of its own: it begins at x, and nothing that follows is in it."""

    label: str
    x: Tensor
    branch: Tensor  # F(x)
    shortcut: Tensor  # x itself, where it is the identity
    passes: Tensor  # where the ReLU after the addition lets a gradient through


def path_gradients(network: ResNet, images: Tensor, labels: Tensor, paths: Iterable[Collection[str]]) -> Iterator[Tensor]:
    """Yield the gradient of the mean cross entropy that reaches the images through each of the paths.

    There is one forward pass, the whole network's, in evaluation mode; only the backward pass is restricted to a path. The
    gradients of all 2^n paths add up to the whole gradient. Nothing on the network changes.

    Args:
        network: a residual one of this project.
        images: (N, 3, H, W), normalised.
        labels: (N,), class numbers.
        paths: each names the blocks ("conv3_2") whose residual function F it takes; it takes the shortcuts of all others.

    Yields:
        (N, 3, H, W), the gradient with respect to the images, a path each.

    Raises:
        InputError: for an unknown block, and for a plain network, in which there is one path only.

    Reference:
        Veit, Wilber and Belongie 2016, sections 4 and 5.
    """
    clone = isolated(network)
    handles = find_anatomy(clone).blocks
    known = {handle.label for handle in handles}
    if not isinstance(clone, ResNet) or not all(handle.residual for handle in handles):
        raise InputError("Paths are asked of this project's residual networks; a plain one has a single path.")
    with torch.inference_mode(False), torch.enable_grad():
        weight = next(network.parameters())
        image = images.detach().to(weight.device, weight.dtype).requires_grad_()
        stem = clone.maxpool(clone.relu(clone.bn1(clone.conv1(image))))
        x = stem.detach().requires_grad_()
        pieces = []
        for label, block in zip((handle.label for handle in handles), clone.blocks().values(), strict=True):
            branch, shortcut = block.residual_function(x), x if block.downsample is None else block.downsample(x)
            y = (branch.detach() + shortcut.detach()).relu_()
            pieces.append(_Piece(label, x, branch, shortcut, passes=y > 0))
            x = y.requires_grad_()
        loss = F.cross_entropy(clone.fc(clone.avgpool(x).flatten(1)), labels.to(weight.device))
        (top,) = torch.autograd.grad(loss, x)

    for path in paths:
        if unknown := set(path) - known:
            raise InputError(f"The network has no block {min(unknown)!r}; it has {', '.join(piece.label for piece in pieces)}.")
        gradient = top
        for piece in reversed(pieces):
            gradient = gradient * piece.passes
            end = piece.branch if piece.label in path else piece.shortcut
            if end is not piece.x:
                (gradient,) = torch.autograd.grad(end, piece.x, gradient, retain_graph=True)
        yield torch.autograd.grad(stem, image, gradient, retain_graph=True)[0]
