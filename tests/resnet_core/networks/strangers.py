"""Networks that people bring, and what is inside their blocks, written out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from timm.layers import BlurPool2d
from timm.models import convnext as timm_convnext
from timm.models import resnet as timm_resnet
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision import models
from torchvision.models import convnext, resnet

from resnet_core.networks.described import describe

CLASSES = 5
Parts = Callable[
    [nn.Module, Tensor], tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]
]  # block, x -> F(x), shortcut(x), activation


@dataclass(frozen=True)
class Stranger:
    make: Callable[[], nn.Module]
    blocks: tuple[str, ...]  # module paths, in forward order
    parts: Parts
    wrap: Callable[[nn.Module], nn.Module] = lambda network: network  # what is given to us
    logits: Callable[[Any], Tensor] = lambda output: output


def lived_in(network: nn.Module) -> nn.Module:
    """Norms as if trained: no scale is 1, no shift, mean or variance what it was."""
    generator = torch.Generator().manual_seed(3)
    for module in network.modules():
        for name, low, high in (
            ("weight", 0.4, 1.0),
            ("bias", -0.3, 0.3),
            ("running_mean", -0.3, 0.3),
            ("running_var", 0.5, 1.5),
        ):
            tensor = getattr(module, name, None)
            if isinstance(tensor, Tensor) and tensor.ndim == 1 and not isinstance(module, nn.Conv2d | nn.Linear):
                tensor.data.uniform_(low, high, generator=generator)
    return network.eval()


def seeded(make: Callable[[], nn.Module]) -> Callable[[], nn.Module]:
    def made() -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return lived_in(make())

    return made


LAYERS = ("layer1.0", "layer2.0", "layer2.1")


def two_stages(network: nn.Module) -> nn.Module:
    """A ResNet of the first two stages only, which takes less time."""
    network.layer3 = network.layer4 = nn.Identity()
    return network


# torchvision's and timm's, whose layers both are called conv1, bn1, …


def residual(block: Any, x: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    y, count = x, 3 if hasattr(block, "conv3") else 2
    for i in range(1, count + 1):
        y = getattr(block, f"bn{i}")(getattr(block, f"conv{i}")(y))
        y = F.relu(y) if i < count else y
        if hasattr(block, "aa") and i == count - 1:
            y = block.aa(y)
    if getattr(block, "se", None) is not None:
        pooled = y.mean((2, 3), keepdim=True)
        y = y * torch.sigmoid(block.se.fc2(F.relu(block.se.fc1(pooled))))
    return y, x if block.downsample is None else block.downsample(x), F.relu


def torchvisions(block: Any = resnet.BasicBlock, **options: Any) -> Callable[[], nn.Module]:
    return seeded(lambda: models.ResNet(block, [1, 2, 1, 1], num_classes=CLASSES, **options))


def small_stem(pool: bool) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        network = models.ResNet(resnet.BasicBlock, [1, 2, 1, 1], num_classes=CLASSES)
        network.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
        if not pool:
            network.maxpool = nn.Identity()
        return network

    return seeded(make)


def timms(block: Any = timm_resnet.BasicBlock, **options: Any) -> Callable[[], nn.Module]:
    return seeded(lambda: timm_resnet.ResNet(block, (1, 2, 1, 1), CLASSES, channels=(8, 16, 24, 32), **options))


FOUR = ("layer1.0", "layer2.0", "layer2.1", "layer3.0", "layer4.0")


def torchvision_convnext() -> nn.Module:
    setting = [convnext.CNBlockConfig(8, 16, 1), convnext.CNBlockConfig(16, None, 2)]
    return convnext.ConvNeXt(setting, layer_scale=0.5, num_classes=CLASSES)


def cn_block(block: Any, x: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    depthwise, _, norm, first, _, second, _ = block.block
    y = second(F.gelu(first(norm(depthwise(x).permute(0, 2, 3, 1))))).permute(0, 3, 1, 2)
    return block.layer_scale * y, x, lambda total: total


def convnext_block(block: Any, x: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    y = block.norm(block.conv_dw(x).permute(0, 2, 3, 1))
    y = block.mlp.fc2(F.gelu(block.mlp.fc1(y))).permute(0, 3, 1, 2)
    return block.gamma[:, None, None] * y, x, lambda total: total


# written by somebody


class Residual(nn.Module):
    """F(x) + shortcut(x), then an activation; every way of writing it is a subclass."""

    after: Callable[[Tensor], Tensor] = staticmethod(F.relu)

    def __init__(self, channels: int, out: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, out, 3, stride, 1)
        self.bn1 = norm(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.bn2 = norm(out)
        self.skip = nn.Conv2d(channels, out, 1, stride) if channels != out else None

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        y = self.bn2(self.conv2(self.after(self.bn1(self.conv1(x)))))
        return y, x if self.skip is None else self.skip(x), self.after

    def forward(self, x: Tensor) -> Tensor:
        y, shortcut, after = self.parts(x)
        return after(y + shortcut)


class Gelu(Residual):
    after = staticmethod(F.gelu)


class InPlace(Residual):
    """Adds in place, and its last activation works in place, too."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)), inplace=True)))
        y += x if self.skip is None else self.skip(x)
        return F.relu_(y)


class NoActivation(Residual):
    after = staticmethod(lambda total: total)


class PreActivation(Residual):
    """The norm precedes the convolution: the block's bn2 is not F(x)."""

    def __init__(self, channels: int, out: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__(channels, out, stride, norm)
        self.bn1 = norm(channels)

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        y = self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))
        return y, x if self.skip is None else self.skip(x), lambda total: total


class OwnActivation(Residual):
    """With modules, one of them with weights, in a Sequential."""

    def __init__(self, channels: int, out: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__(channels, out, stride, norm)
        self.body = nn.Sequential(self.conv1, self.bn1, nn.SiLU(inplace=True), self.conv2, self.bn2)
        self.act = nn.PReLU(out, 0.3)
        del self.conv1, self.bn1, self.conv2, self.bn2

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        return self.body(x), x if self.skip is None else self.skip(x), self.act


def written_parts(block: Any, x: Tensor) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    return block.parts(x)


class Written(nn.Module):
    """A network of somebody's own; `layers` holds the blocks that run."""

    def __init__(
        self, block: type[Residual], norm: Callable[[int], nn.Module] = nn.BatchNorm2d, overwrites: bool = False
    ) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, 2, 1), norm(8)
        self.layer1 = nn.Sequential(block(8, 8, 1, norm))
        self.layer2 = nn.Sequential(block(8, 16, 2, norm), block(16, 16, 1, norm))
        self.fc = nn.Linear(16, CLASSES)
        self.overwrites = overwrites

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        for block in (*self.layer1, *self.layer2):
            x = block(x)
            if self.overwrites:
                F.relu_(x)
        return self.fc(x.mean((2, 3)))


class Listed(Written):
    """Runs its blocks from a list that torch does not know."""

    def __init__(self) -> None:
        super().__init__(Residual)
        self.in_order = [*self.layer1, *self.layer2]
        self.norm = self.bn1

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.conv1(x)))
        for block in self.in_order:
            x = block(x)
        return self.fc(x.mean((2, 3)))


class Answering(nn.Module):
    """Answers with a dictionary; nothing has a name that anybody would guess."""

    def __init__(self) -> None:
        super().__init__()
        inner = Written(Residual)
        self.start = nn.Sequential(inner.conv1, inner.bn1, nn.ReLU())
        self.body = nn.ModuleDict({"a": inner.layer1[0], "b": inner.layer2[0], "c": inner.layer2[1]})
        self.head = inner.fc

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.start(x)
        for block in self.body.values():
            x = block(x)
        return {"features": x, "scores": self.head(x.mean((2, 3)))}


def written(block: type[Residual], **options: Any) -> Callable[[], nn.Module]:
    return seeded(lambda: Written(block, **options))


def compiled_in_place(network: nn.Module) -> nn.Module:
    network.compile()
    return network


def plugged(network: nn.Module) -> nn.Module:
    return describe(network, ["body.a", "body.b", "body.c"], logits="head")


STRANGERS = {
    "torchvision basic": Stranger(torchvisions(), FOUR, residual),
    "torchvision bottleneck": Stranger(torchvisions(resnet.Bottleneck), FOUR, residual),
    "torchvision wide": Stranger(torchvisions(resnet.Bottleneck, width_per_group=128), FOUR, residual),
    "torchvision ResNeXt": Stranger(torchvisions(resnet.Bottleneck, groups=32, width_per_group=4), FOUR, residual),
    "3x3 stem": Stranger(small_stem(pool=False), FOUR, residual),
    "3x3 stem and pool": Stranger(small_stem(pool=True), FOUR, residual),
    "timm basic": Stranger(timms(), FOUR, residual),
    "timm bottleneck, tiered stem, average in shortcut": Stranger(
        timms(timm_resnet.Bottleneck, stem_type="deep_tiered", stem_width=32, avg_down=True), FOUR, residual
    ),
    "timm squeeze and excitation": Stranger(timms(block_args={"attn_layer": "se"}), FOUR, residual),
    "timm resnet-d": Stranger(timms(stem_type="deep", stem_width=32, avg_down=True), FOUR, residual),
    "timm blur": Stranger(timms(timm_resnet.Bottleneck, aa_layer=BlurPool2d), FOUR, residual),
    "torchvision ConvNeXt": Stranger(seeded(torchvision_convnext), ("features.1.0", "features.3.0", "features.3.1"), cn_block),
    "timm ConvNeXt": Stranger(
        seeded(lambda: timm_convnext.ConvNeXt(3, CLASSES, depths=(1, 1, 2, 1), dims=(8, 16, 24, 32), ls_init_value=0.5)),
        ("stages.0.blocks.0", "stages.1.blocks.0", "stages.2.blocks.0", "stages.2.blocks.1", "stages.3.blocks.0"),
        convnext_block,
    ),
    "functional ReLU": Stranger(written(Residual), LAYERS, written_parts),
    "in-place addition": Stranger(written(InPlace), LAYERS, written_parts),
    "output overwritten by what follows": Stranger(written(NoActivation, overwrites=True), LAYERS, written_parts),
    "GELU": Stranger(written(Gelu), LAYERS, written_parts),
    "no batch norm": Stranger(written(Residual, norm=lambda _channels: nn.Identity()), LAYERS, written_parts),
    "group norm": Stranger(written(Residual, norm=lambda channels: nn.GroupNorm(2, channels)), LAYERS, written_parts),
    "synchronised batch norm": Stranger(written(Residual, norm=nn.SyncBatchNorm), LAYERS, written_parts),
    "instance norm": Stranger(
        written(Residual, norm=lambda channels: nn.InstanceNorm2d(channels, affine=True, track_running_stats=True)),
        LAYERS,
        written_parts,
    ),
    "pre-activation": Stranger(written(PreActivation), LAYERS, written_parts),
    "PReLU in modules": Stranger(written(OwnActivation), LAYERS, written_parts),
    "blocks in a list": Stranger(seeded(Listed), LAYERS, written_parts),
    "compiled": Stranger(torchvisions(), FOUR, residual, wrap=torch.compile),  # type: ignore[arg-type]
    "compiled in place": Stranger(torchvisions(), FOUR, residual, wrap=compiled_in_place),
    "data parallel": Stranger(torchvisions(), FOUR, residual, wrap=nn.DataParallel),
    "described by names": Stranger(
        seeded(Answering), ("body.a", "body.b", "body.c"), written_parts, wrap=plugged, logits=lambda output: output["scores"]
    ),
}
