"""Are the numbers of networks that people bring right? Judged by float64 copies with plain hooks, and blocks run by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F
from torch.nn.utils import prune
from torchvision import models
from torchvision.models import resnet

import resnet_core as lens
from resnet_core.errors import InputError
from resnet_core.inspection.attribution.methods import METHODS, attribute
from resnet_core.inspection.attribution.sanity_checks import randomisation_test
from resnet_core.inspection.feature_maps import feature_maps
from resnet_core.inspection.fitting import fitting_report
from resnet_core.inspection.gradients import gradient_correlation, gradient_flow, layer_responses
from resnet_core.inspection.inspect import inspect
from resnet_core.inspection.isolation import isolated, with_batch_statistics
from resnet_core.inspection.landscape import loss_surface, random_direction
from resnet_core.inspection.lesion import reestimated, with_blocks_swapped, without_blocks
from resnet_core.inspection.records import Inspection
from resnet_core.inspection.similarity import block_similarity
from resnet_core.networks.anatomy import find_anatomy
from resnet_core.networks.architectures import architecture
from resnet_core.networks.described import describe
from resnet_core.networks.resnet import build
from tests.resnet_core.networks.strangers import (
    CLASSES,
    LAYERS,
    STRANGERS,
    Answering,
    Gelu,
    NoActivation,
    PreActivation,
    Residual,
    Stranger,
    Written,
    seeded,
    torchvisions,
    written,
)
from tests.support.side_effects import untouched

# one of each kind; the others, which take longer, are `slow`
QUICK = {
    "torchvision basic",
    "timm squeeze and excitation",
    "timm ConvNeXt",
    "torchvision ConvNeXt",
    "functional ReLU",
    "in-place addition",
    "output overwritten by what follows",
    "GELU",
    "no batch norm",
    "group norm",
    "pre-activation",
    "PReLU in modules",
    "blocks in a list",
    "compiled",
    "described by names",
}
every_stranger = pytest.mark.parametrize(
    "stranger",
    [pytest.param(stranger, id=name, marks=() if name in QUICK else pytest.mark.slow) for name, stranger in STRANGERS.items()],
)
TARGET = 3


def picture(side: int = 64, seed: int = 2) -> Tensor:
    return torch.randn((1, 3, side, side), generator=torch.Generator().manual_seed(seed))


def exact(network: nn.Module) -> nn.Module:
    return copy.deepcopy(network).double()


class ByHand:
    """One pass of a float64 copy: what goes into every block and comes out, by plain hooks."""

    def __init__(self, stranger: Stranger, network: nn.Module, images: Tensor) -> None:
        self.network = network
        self.images = images.double().requires_grad_()
        self.x: dict[str, Tensor] = {}
        self.y: dict[str, Tensor] = {}
        handles = []
        for name in stranger.blocks:
            block = network.get_submodule(name)

            def before(_block: nn.Module, inputs: tuple[Tensor, ...], name: str = name) -> tuple[Tensor, ...]:
                self.x[name] = inputs[0].detach().clone()
                return (inputs[0].clone(),)

            def after(_block: nn.Module, _inputs: Any, output: Tensor, name: str = name) -> Tensor:
                self.y[name] = output
                return output.clone()

            handles += [block.register_forward_pre_hook(before), block.register_forward_hook(after)]
        self.logits = stranger.logits(network(self.images))
        for handle in handles:
            handle.remove()

    def gradients(self, scalar: Tensor) -> dict[str, Tensor]:
        wanted = [self.images, *self.y.values()]
        return dict(zip(["image", *self.y], torch.autograd.grad(scalar, wanted, retain_graph=True), strict=True))

    @torch.no_grad()
    def parts(self, stranger: Stranger, name: str) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
        return stranger.parts(self.network.get_submodule(name), self.x[name].clone())


def close(found: Any, expected: Tensor) -> None:
    """But for the digits of float32, in which maps and logits are given."""
    wanted = expected.detach().numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6 * float(np.abs(wanted).max()))


def labels_of(found: Inspection) -> list[str]:
    return [record.label for record in found.blocks]


@every_stranger
def test_an_inspection_is_what_plain_hooks_say(stranger: Stranger) -> None:
    network, image = stranger.make().double(), picture()
    hand = ByHand(stranger, exact(network), image)
    given = stranger.wrap(network)
    with untouched(network):
        found = inspect(given, image, TARGET)
    close(found.logits, hand.logits[0])
    gradients = hand.gradients(hand.logits[0, TARGET])
    assert [record.name for record in found.blocks] == list(stranger.blocks)
    assert labels_of(found) == [handle.label for handle in find_anatomy(given).blocks]
    for record in found.blocks:
        x, y = hand.x[record.name], hand.y[record.name].detach()
        branch, shortcut, _ = hand.parts(stranger, record.name)
        gradient = gradients[record.name]
        expected = {
            "gradient_norm": gradient.norm(),
            "mean": y.mean(),
            "std": y.std(correction=0),
            "response_std": branch.std(correction=0),
            "input_norm": x.norm(),
            "residual_norm": branch.norm(),
            "shortcut_norm": shortcut.norm(),
        }
        for name, value in expected.items():
            assert getattr(record, name) == pytest.approx(float(value), rel=1e-6, abs=1e-9), (record.label, name)
        assert record.zero_fraction == pytest.approx(float((y == 0).double().mean()), abs=1e-9)
        close(record.activation, y[0].mean(0))
        close(record.cam, torch.einsum("c,chw->hw", gradient[0].mean((1, 2)), y[0]).relu())


@every_stranger
def test_feature_maps_are_what_the_block_run_by_hand_gives(stranger: Stranger) -> None:
    network, image = stranger.make().double(), picture()
    hand = ByHand(stranger, exact(network), image)
    gradients = hand.gradients(hand.logits[0, TARGET])
    given = stranger.wrap(network)
    for handle in find_anatomy(given).blocks[:2]:
        with untouched(network):
            found = feature_maps(given, image, handle.label, TARGET)
        branch, shortcut, activation = hand.parts(stranger, handle.name)
        total = (branch + shortcut).requires_grad_()
        (at_sum,) = torch.autograd.grad(activation(total), total, gradients[handle.name])
        for place, expected in {
            "x": hand.x[handle.name], "F(x)": branch, "shortcut": shortcut, "sum": total, "output": hand.y[handle.name]
        }.items():  # fmt: skip
            close(found.maps[place], expected[0])
        for place in ("F(x)", "shortcut", "sum"):
            close(found.class_gradients[place], at_sum[0].mean((1, 2)))
        close(found.class_gradients["output"], gradients[handle.name][0].mean((1, 2)))


@every_stranger
def test_attributions_are_those_of_autograd(stranger: Stranger) -> None:
    network, image = stranger.make().double(), picture()
    hand = ByHand(stranger, exact(network), image)
    gradients = hand.gradients(hand.logits[0, TARGET])
    given = stranger.wrap(network)
    with untouched(network):
        found = {method: attribute(given, image, method, TARGET).values for method in ("gradient-x-input", "grad-cam")}
    close(found["gradient-x-input"], (gradients["image"] * image).sum((0, 1)))
    last = stranger.blocks[-1]
    cam = torch.einsum("c,chw->hw", gradients[last][0].mean((1, 2)), hand.y[last][0]).relu()
    close(found["grad-cam"], F.interpolate(cam[None, None], size=(64, 64), mode="bilinear")[0, 0])


@every_stranger
def test_a_gradient_flow_is_that_of_a_training_step(stranger: Stranger) -> None:
    network, images, labels = stranger.make().double(), torch.cat([picture(seed=i) for i in range(3)]), torch.tensor([0, 4, 1])
    hand = ByHand(stranger, exact(network).train(), images)
    gradients = hand.gradients(F.cross_entropy(hand.logits, labels))
    given = stranger.wrap(network.train())
    with untouched(network):
        found = gradient_flow(given, images, labels).blocks
    assert len(found) == len(stranger.blocks)
    for block, name in zip(found, stranger.blocks, strict=True):
        branch, _, _ = hand.parts(stranger, name)
        assert block.gradient_norm == pytest.approx(float(gradients[name].norm()), rel=1e-6)
        assert block.response_sd == pytest.approx(float(branch.std(correction=0)), rel=1e-6)
        assert block.output_rms == pytest.approx(float(hand.y[name].detach().square().mean().sqrt()), rel=1e-6)


@every_stranger
def test_a_block_that_is_removed_passes_its_shortcut_on(stranger: Stranger) -> None:
    network, image = stranger.make().double(), picture()
    given = stranger.wrap(network)
    removed, copied = stranger.blocks[1], exact(network)
    block = copied.get_submodule(removed)

    @torch.no_grad()
    def shortcut_only(_block: nn.Module, _inputs: Any, _output: Tensor) -> Tensor:
        _, shortcut, activation = stranger.parts(block, inputs[0])
        return activation(shortcut)

    inputs: list[Tensor] = []
    block.register_forward_pre_hook(lambda _block, given: inputs.append(given[0].clone()))
    block.register_forward_hook(shortcut_only)
    with torch.no_grad():
        expected = stranger.logits(copied(image.double()))
        label = next(handle.label for handle in find_anatomy(given).blocks if handle.name == removed)
        with untouched(network):
            found = without_blocks(given, [label])(image.double())
    close(found, expected)
    whole = stranger.logits(stranger.make().double()(image.double()))
    assert not torch.allclose(expected, whole, rtol=1e-3)


@every_stranger
def test_the_report_says_that_everything_works(stranger: Stranger) -> None:
    network = stranger.make()
    with untouched(network):
        report = fitting_report(stranger.wrap(network), picture())
    assert report.fits, str(report)
    assert list(report.table.module) == list(stranger.blocks)


# what is refused, before anything runs


class Uncallable(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        raise AssertionError("it was run")


def replaced_forward() -> nn.Module:
    network = torchvisions()()
    network.layer2[0].forward = network.layer2[0].forward
    network.conv1 = Uncallable()
    return network


def held_in_a_function() -> nn.Module:
    network = written(Residual)()
    norm = network.bn1
    network.norm = lambda x: norm(x)
    return network


def never_run() -> nn.Module:
    class Skips(Written):
        def forward(self, x: Tensor) -> Tensor:
            x = self.layer1(F.relu(self.bn1(self.conv1(x))))
            return self.fc(self.layer2[0](x).mean((2, 3)))

    return seeded(lambda: Skips(Residual))()


def run_twice() -> nn.Module:
    class Repeats(Written):
        def forward(self, x: Tensor) -> Tensor:
            x = self.layer1(self.layer1(F.relu(self.bn1(self.conv1(x)))))
            return self.fc(self.layer2(x).mean((2, 3)))

    return seeded(lambda: Repeats(Residual))()


def lazy() -> nn.Module:
    network = written(Residual)()
    network.fc = nn.LazyLinear(CLASSES)
    return network


def channels_last() -> nn.Module:
    size = {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 1], "window_size": [4, 4]}
    return models.SwinTransformer([4, 4], **size, num_classes=CLASSES)


def not_a_number() -> nn.Module:
    network = torchvisions()()
    network.fc.bias.data[1] = float("nan")
    return network


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: torch.jit.script(torchvisions()()), "The network is scripted"),
        (lambda: torch.jit.trace(torchvisions()(), picture()), "The network is scripted"),
        (lambda: fx.symbolic_trace(torchvisions()()), "The traced network runs the layers of layer1.0 one by one"),
        (replaced_forward, "The forward of a BasicBlock was replaced on the instance"),
        (held_in_a_function, "A Written of the network keeps modules inside a function"),
        (never_run, "layer2.1 was not run in one pass"),
        (run_twice, "layer1.0 was run 2 times in one pass"),
        (lazy, "A LazyLinear has no weights before its first run"),
        (not_a_number, "The network answers with nan, which is no number"),
        (lambda: models.squeezenet1_1(weights=None), "A SqueezeNet has no stages"),
        (lambda: seeded(Answering)(), "An?(swering)* .*has no stages"),
        (lambda: describe(seeded(Answering)(), ["body.a"]), "The network returns a dict, not logits; name the module"),
        (lambda: describe(channels_last(), ["features.1.0"]), "features.1.0 returns .* not a map"),
        (lambda: lambda x: x, "A network is a torch.nn.Module, not a function"),
    ],
)
def test_what_cannot_be_looked_into_is_refused_in_one_sentence(make: Callable[[], nn.Module], words: str) -> None:
    network = make()
    for ask in (lambda: inspect(network, picture()), lambda: attribute(network, picture(), "grad-cam")):
        with pytest.raises(InputError, match=rf"^{words}[^\n]*\.$"):
            ask()
    assert not fitting_report(network, picture()).fits if isinstance(network, nn.Module) else True


def test_a_traced_network_whose_blocks_stay_modules_is_right() -> None:
    class KeepsBlocks(fx.Tracer):
        def is_leaf_module(self, module: nn.Module, name: str) -> bool:
            return isinstance(module, Residual) or super().is_leaf_module(module, name)

    network = written(Residual)()
    traced = fx.GraphModule(network, KeepsBlocks().trace(network))
    ours, expected = inspect(traced, picture(), 1), inspect(network, picture(), 1)
    assert np.array_equal(ours.logits, expected.logits)
    assert [block.gradient_norm for block in ours.blocks] == [block.gradient_norm for block in expected.blocks]


@pytest.mark.parametrize("make", [written(Residual), seeded(lambda: STRANGERS["blocks in a list"].make()), torchvisions()])
def test_statistics_of_a_network_in_training_stay(make: Callable[[], nn.Module]) -> None:
    network = make().train()
    images, labels = torch.cat([picture(seed=i) for i in range(4)]), torch.tensor([0, 1, 2, 3])
    with untouched(network):
        inspect(network, images[0])
        feature_maps(network, images[0], "conv3_1")
        attribute(network, images[0], "guided-backprop")
        gradient_flow(network, images, labels)
        gradient_correlation(network, images, 0)
        layer_responses(network, images)
        block_similarity(network, network, [images])
        reestimated(without_blocks(network, ["conv2_1"]), [images])
        fitting_report(network, images[0])


# what a network is


def test_only_what_an_architecture_says_in_full_is_described() -> None:
    expected = architecture("resnet18", depths=(1, 2, 1, 1), num_classes=CLASSES)
    found = {name: find_anatomy(stranger.wrap(stranger.make())).architecture for name, stranger in STRANGERS.items()}
    named = {name: known for name, known in found.items() if known is not None}
    assert named.keys() == {
        "torchvision basic",
        "torchvision bottleneck",
        "3x3 stem",
        "compiled",
        "compiled in place",
        "data parallel",
    }
    assert (named["torchvision basic"].depths, named["torchvision basic"].stem) == (expected.depths, "imagenet")
    assert named["3x3 stem"].stem == "cifar"
    assert named["torchvision bottleneck"].block == "bottleneck"


@pytest.mark.parametrize("change", ["stride", "activation", "pool", "dilation", "norm"])
def test_a_changed_network_is_not_described_as_the_papers(change: str) -> None:
    network = torchvisions()()
    if change == "stride":
        network.layer2[0].conv1.stride = (1, 1)
    elif change == "activation":
        network.layer1[0].relu = nn.GELU()
    elif change == "pool":
        network.avgpool = nn.AdaptiveMaxPool2d((2, 2))
    elif change == "dilation":
        network.layer3[0].conv2.dilation = (2, 2)
    else:
        network.layer3[0].bn2 = nn.Identity()
    assert find_anatomy(network).architecture is None


def test_a_described_architecture_is_the_network() -> None:
    for name in ("torchvision basic", "torchvision bottleneck", "3x3 stem"):
        network = STRANGERS[name].make()
        known = find_anatomy(network).architecture
        assert known is not None
        ours = build(known, seed=0)
        ours.load_state_dict(network.state_dict())
        torch.testing.assert_close(ours.eval()(picture()), network(picture()))


# described


def test_a_description_leaves_nothing_on_the_network() -> None:
    network = seeded(Answering)()
    with untouched(network):
        described = describe(network, ["body.a", "body.c"], logits="head")
        inspect(described, picture())
    assert set(vars(network)) == set(vars(seeded(Answering)()))


def test_names_of_wrappers_may_stand_in_a_description() -> None:
    network = seeded(Answering)()
    expected = inspect(describe(network, ["body.a"], logits="head"), picture(), 1)
    for wrapped, prefix in ((nn.DataParallel(network), "module."), (torch.compile(network), "_orig_mod.")):
        found = inspect(describe(wrapped, [f"{prefix}body.a"], logits=f"{prefix}head"), picture(), 1)
        assert np.array_equal(found.logits, expected.logits)


def test_the_blocks_that_run_first_come_first() -> None:
    described = describe(seeded(Answering)(), ["body.c", "body.a", "body.b"], logits="head")
    assert labels_of(inspect(described, picture())) == ["body.a", "body.b", "body.c"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"blocks": ["body.d"]}, r"The network has no module 'body\.d'; did you mean"),
        ({"blocks": []}, "No block is named"),
        ({"blocks": ["body.a", "body.a"]}, "A block is named twice"),
        ({"blocks": ["body.a"], "logits": "tail"}, "The network has no module 'tail'"),
        ({"blocks": ["body.a"], "branch": "bn9"}, r"The network has no module 'body\.a\.bn9'"),
        ({"blocks": ["body.a"], "shortcut": "skip"}, "No block has a module 'skip'"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=rf"^{words}[^\n]*[.?]$"):
        describe(seeded(Answering)(), **options)


def test_a_given_branch_is_checked_and_not_believed() -> None:
    network = written(Residual)()
    right = inspect(describe(network, ["layer1.0", "layer2.0"], branch="bn2"), picture())
    wrong = inspect(describe(network, ["layer1.0", "layer2.0"], branch="bn1"), picture())
    expected = inspect(network, picture())
    assert [block.residual_norm for block in right.blocks] == [block.residual_norm for block in expected.blocks[:2]]
    assert [block.residual_norm for block in wrong.blocks] == [block.response_std for block in wrong.blocks] == [None, None]


def test_a_block_that_adds_nothing_is_plain_where_its_branch_is_given() -> None:
    class Plain(Residual):
        def forward(self, x: Tensor) -> Tensor:
            return F.relu(self.parts(x)[0])

    network = written(Plain)()
    unknown = inspect(network, picture()).blocks[0]
    assert (unknown.residual_norm, unknown.response_std) == (None, None)
    plain = inspect(describe(network, ["layer1.0"], branch="bn2"), picture()).blocks[0]
    block = exact(network).layer1[0]
    hand = ByHand(Stranger(lambda: network, ("layer1.0",), block.parts), exact(network), picture())
    assert plain.residual_norm is None
    assert plain.response_std == pytest.approx(float(block.parts(hand.x["layer1.0"])[0].detach().std(correction=0)), rel=1e-4)


def test_the_public_names_are_there() -> None:
    assert {"describe", "find_anatomy", "fitting_report"} <= set(dir(lens))
    assert lens.describe is describe


# the other questions


@pytest.mark.parametrize("name", ["functional ReLU", "timm ConvNeXt", "timm squeeze and excitation", "pre-activation"])
def test_responses_are_those_of_the_convolutions_on_the_main_path(name: str) -> None:
    stranger = STRANGERS[name]
    network, images = stranger.make(), torch.cat([picture(seed=i) for i in range(2)])
    found = layer_responses(network, images)
    copied, heard = exact(network), {}
    beside = ("skip", "se.", "downsample") if name != "timm ConvNeXt" else ("head",)
    after = {"functional ReLU", "timm squeeze and excitation"}  # where each convolution's norm follows it
    for path, module in copied.named_modules():
        if isinstance(module, nn.Conv2d | nn.Linear) and path != "fc" and not any(word in path for word in beside):
            norm = path.replace("conv", "bn") if name in after or path == "conv1" else path
            if name == "pre-activation" and path.endswith(".conv1"):
                norm = path.replace("conv1", "bn2")
            copied.get_submodule(norm if _has(copied, norm) else path).register_forward_hook(
                lambda _m, _x, y, path=path: heard.__setitem__(path, float(y.detach().std(correction=0)))
            )
    copied(images.double())
    if name == "timm ConvNeXt":  # the stem's and downsampling's norms: one follows its convolution, the others precede it
        heard["stem.0"] = float(copied.stem(images.double()).detach().std(correction=0))
    assert found == pytest.approx(heard, rel=1e-3)


def _has(network: nn.Module, path: str) -> bool:
    return path in dict(network.named_modules())


def test_batch_statistics_reach_every_kind_of_norm_that_keeps_some() -> None:
    for name in ("synchronised batch norm", "instance norm", "functional ReLU", "group norm"):
        network, images = STRANGERS[name].make(), torch.cat([picture(seed=i) for i in range(4)])
        with untouched(network), torch.no_grad():
            found = with_batch_statistics(isolated(network))(images)
        torch.testing.assert_close(found, copy.deepcopy(network).train()(images), rtol=1e-4, atol=1e-5)


def test_statistics_are_estimated_anew_for_synchronised_batch_norm_too() -> None:
    network, images = STRANGERS["synchronised batch norm"].make(), torch.cat([picture(seed=i) for i in range(4)])
    with untouched(network):
        found = reestimated(network, [images])
    stem = exact(network).conv1(images.double())
    close(found.bn1.running_mean, stem.mean((0, 2, 3)))
    close(found.bn1.running_var, stem.var((0, 2, 3)))


def test_a_norm_of_somebodys_own_is_named() -> None:
    class Own(nn.Module):
        def __init__(self, channels: int) -> None:
            super().__init__()
            self.register_buffer("running_mean", torch.zeros(channels))

        def forward(self, x: Tensor) -> Tensor:
            return x - self.running_mean[:, None, None]

    network = written(Residual, norm=Own)()
    inspect(network, picture())
    for ask in (lambda: gradient_flow(network, picture(), torch.tensor([0])), lambda: reestimated(network, [picture()])):
        with pytest.raises(InputError, match=r"^A Own keeps statistics in a way of its own"):
            ask()


def test_similarity_is_by_block_also_where_blocks_are_described_in_another_order() -> None:
    network, images = seeded(Answering)(), torch.cat([picture(seed=i) for i in range(6)])
    first = describe(network, ["body.a", "body.b", "body.c"], logits="head")
    second = describe(network, ["body.c", "body.a", "body.b"], logits="head")
    found = block_similarity(first, second, [images])
    assert np.allclose([found.loc[name, name] for name in found.index], 1, atol=1e-6)
    assert found.loc["body.a", "body.c"] < 0.999


def test_tied_weights_move_together_in_the_loss_surface() -> None:
    network = written(Residual)()
    network.layer2[1].conv1.weight = network.layer2[1].conv2.weight
    first, second = (random_direction(network, seed) for seed in (0, 1))
    images, labels = torch.cat([picture(seed=i) for i in range(2)]), torch.tensor([1, 2])
    with untouched(network):
        surface = loss_surface(network, first, second, [0.5], [-0.25], [(images, labels)], batch_statistics=False)
    moved = exact(network)
    with torch.no_grad():
        for name, weight in moved.named_parameters():
            if name in first:
                weight += 0.5 * first[name].double() - 0.25 * second[name].double()
        assert surface.loss[0, 0] == pytest.approx(float(F.cross_entropy(moved(images.double()), labels)), rel=1e-4)


def test_a_layer_scale_is_no_filter() -> None:
    names = random_direction(STRANGERS["torchvision ConvNeXt"].make(), 0)
    assert not any("layer_scale" in name for name in names)
    assert "features.1.0.block.0.weight" in names


@pytest.mark.parametrize("name", ["timm ConvNeXt", "functional ReLU", "described by names"])
def test_a_cascade_ends_in_a_network_of_which_nothing_is_left(name: str) -> None:
    stranger = STRANGERS[name]
    network = stranger.make()
    with untouched(network):
        found = randomisation_test(stranger.wrap(network), picture(32), "gradient-x-input")
    blocks = [handle.label for handle in find_anatomy(stranger.wrap(network)).blocks]
    assert list(found.layers[1:-1]) == blocks[::-1]
    assert len({values.tobytes() for values in found.maps}) == len(found.maps)


def test_blocks_swapped_run_in_the_new_order_wherever_they_are_held() -> None:
    network = STRANGERS["blocks in a list"].make()
    network.layer2.append(seeded(lambda: Residual(16, 16, 1, nn.BatchNorm2d))())
    network.in_order.append(network.layer2[2])
    with untouched(network):
        found = with_blocks_swapped(network, [("conv3_2", "conv3_3")])(picture())
    network.in_order[2:] = network.in_order[:1:-1]
    torch.testing.assert_close(found, network(picture()))


def test_a_sum_inside_the_block_is_no_shortcut() -> None:
    """As in a MetaFormer: x + G(x), and to that H(x + G(x)); neither of both is all that the block adds to x."""

    class Twice(Residual):
        def __init__(self, channels: int, out: int, stride: int, norm: Callable[[int], nn.Module]) -> None:
            super().__init__(channels, out, stride, norm)
            self.between = nn.Identity()

        def forward(self, x: Tensor) -> Tensor:
            y = self.between((x if self.skip is None else self.skip(x)) + self.bn1(self.conv1(x)))
            return y + self.bn2(self.conv2(y))

    assert [block.residual_norm for block in inspect(written(Twice)(), picture()).blocks] == [None] * 3


def test_a_shortcut_that_starts_inside_the_block_is_heard_but_not_left_alone() -> None:
    """He et al. 2016, in whose blocks the projection takes what is normalised and activated."""

    class Inside(PreActivation):
        def forward(self, x: Tensor) -> Tensor:
            x = F.relu_(self.bn1(x)) if self.skip is not None else x
            y = self.conv2(F.relu(self.bn2(self.conv1(x))))
            return y + (x if self.skip is None else self.skip(x))

    network = written(Inside)()
    hand = ByHand(Stranger(lambda: network, LAYERS, lambda block, x: block.parts(x)), exact(network), picture())
    block, found = hand.network.layer2[0], inspect(network, picture()).blocks
    assert found[1].shortcut_norm == pytest.approx(float(block.skip(F.relu(block.bn1(hand.x["layer2.0"]))).norm()), rel=1e-4)
    with pytest.raises(InputError, match=r"^The shortcut of conv3_1 starts inside the block"):
        without_blocks(network, ["conv3_1"])
    without_blocks(network, ["conv3_2"])


def test_a_block_that_overwrites_its_input_adds_no_input_of_its_own() -> None:
    class Overwrites(NoActivation):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(F.relu_(x))

    network = written(Overwrites)()
    stranger = Stranger(lambda: network, LAYERS, lambda block, x: block.parts(F.relu(x)))
    hand, found = ByHand(stranger, exact(network), picture()), inspect(network, picture()).blocks
    for record in found:
        assert record.input_norm == pytest.approx(float(hand.x[record.name].norm()), rel=1e-4)
        assert record.mean == pytest.approx(float(hand.y[record.name].mean()), rel=1e-3)
        if record.residual_norm is not None:
            assert record.residual_norm == pytest.approx(float(hand.parts(stranger, record.name)[0].norm()), rel=1e-4)
            assert record.shortcut_norm == pytest.approx(float(hand.parts(stranger, record.name)[1].norm()), rel=1e-4)
    assert found[2].residual_norm is None  # x is negative in places there: what is added is not x
    with pytest.raises(InputError, match=r"starts inside the block"):
        without_blocks(network, ["conv3_1"])


def test_a_lesion_whose_shortcut_is_unknown_is_refused() -> None:
    class Weighted(Residual):
        def forward(self, x: Tensor) -> Tensor:
            y, shortcut, after = self.parts(x)
            return after(0.7 * y + 0.3 * shortcut)

    network = written(Weighted)()
    with pytest.raises(InputError, match=r"^What conv2_1 adds to F\(x\)[^\n]*\.$"):
        without_blocks(network, ["conv2_1"])
    assert "sum" not in feature_maps(network, picture(), "conv2_1").maps
    report = fitting_report(network)
    assert not report.fits
    assert "(1) What is added" in str(report)
    assert (report.table.inspect == "works").all()


@pytest.mark.parametrize("name", ["timm ConvNeXt", "GELU"])
def test_guided_backpropagation_is_not_asked_of_a_network_without_relus(name: str) -> None:
    network = gelu_alone() if name == "GELU" else STRANGERS[name].make()
    with pytest.raises(InputError, match=r"^The network has no ReLU"):
        attribute(network, picture(), "guided-backprop")


def gelu_alone() -> nn.Module:
    class NoReLU(Written):
        def forward(self, x: Tensor) -> Tensor:
            return self.fc(self.layer2(self.layer1(self.bn1(self.conv1(x)))).mean((2, 3)))

    return seeded(lambda: NoReLU(Gelu))()


def test_guided_backpropagation_guides_functional_relus_too() -> None:
    """By the rule of Springenberg et al. 2015, worked backwards by hand through one block."""

    class One(nn.Module):
        def __init__(self, style: str) -> None:
            super().__init__()
            self.layer1 = nn.Sequential(Residual(3, 3, 1, nn.BatchNorm2d))
            self.fc, self.style = nn.Linear(3, CLASSES), style

        def forward(self, x: Tensor) -> Tensor:
            y = self.layer1(x)
            if self.style == "method":
                y = (y - 0.5).relu()
            elif self.style == "in place":
                y = y - 0.5
                y.relu_()
            elif self.style == "clamp":
                y = (y - 0.5).clamp(min=0)
            elif self.style == "clamp in place":
                y = y - 0.5
                torch.clamp_(y, min=0)
            elif self.style == "module, whose answer is not used":
                y = y - 0.5
                nn.ReLU(inplace=True)(y)
            else:
                y = nn.ReLU(inplace=True)(y - 0.5)
            return self.fc(y.mean((2, 3)))

    found = {}
    for style in ("method", "in place", "clamp", "clamp in place", "module", "module, whose answer is not used"):
        network = seeded(lambda style=style: One(style))()
        found[style] = attribute(network, picture(16), "guided-backprop", TARGET).values
    network, x = exact(network), picture(16).double()
    block = network.layer1[0]
    before = block.bn1(block.conv1(x)).detach().requires_grad_()
    inner = before.relu().detach().requires_grad_()
    branch = block.bn2(block.conv2(inner))
    total = (branch + x).detach()
    last = total.relu() - 0.5
    gradient = network.fc.weight[TARGET][None, :, None, None].expand_as(last) / last[0, 0].numel()
    gradient = gradient.clamp_min(0) * (last > 0)
    gradient = gradient.clamp_min(0) * (total > 0)
    (through,) = torch.autograd.grad(branch, inner, gradient)
    leaf = x.clone().requires_grad_()
    (through,) = torch.autograd.grad(block.bn1(block.conv1(leaf)), leaf, through.clamp_min(0) * (before > 0))
    for values in found.values():
        close(values, (gradient + through).sum((0, 1)))


# limits of the methods


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_the_smallest_image_that_is_promised(method: str) -> None:
    network = torchvisions()()
    image = picture(8)
    found = attribute(network, image, method, TARGET)
    assert found.values.shape == (8, 8)
    assert np.isfinite(found.values).all()
    if method == "occlusion":  # one square covers all
        with torch.no_grad():
            lost = network(image) - network(torch.zeros_like(image))
        np.testing.assert_allclose(found.values, np.full((8, 8), float(lost[0, TARGET])), rtol=1e-3)
    with pytest.raises(InputError, match="at least 8 x 8"):
        attribute(network, picture(7), method)


def test_a_bright_half_precision_image_is_finite() -> None:
    network = torchvisions()().half()
    image = torch.full((1, 3, 64, 64), 9.0, dtype=torch.float16)  # the sum, 110,592, is above float16's largest number
    assert np.isfinite(inspect(network, image, 0).logits).all()
    image[0, 0, 0, 0] = float("inf")
    with pytest.raises(InputError, match="not finite"):
        inspect(network, image)


@pytest.mark.parametrize(
    ("images", "labels", "words"),
    [
        (picture()[0], torch.tensor([0]), r"Images have the shape \(N, 3, H, W\)"),
        (picture()[:0], torch.tensor([], dtype=torch.int64), r"Images have the shape \(N, 3, H, W\) with at least one image"),
        (picture(), torch.tensor([CLASSES]), f"There is no class {CLASSES}"),
        (picture(), torch.tensor([-100]), "There is no class -100"),
        (picture(), torch.tensor([0, 1]), "Labels are 1 class numbers"),
        (picture(), torch.tensor([0.5]), "Labels are 1 class numbers"),
        (picture(32), torch.tensor([0]), "Batch norm needs more than one value a channel"),
        (picture() * float("inf"), torch.tensor([0]), "The image holds values that are not finite"),
    ],
)
def test_a_batch_that_does_not_fit_is_refused_in_one_sentence(images: Tensor, labels: Tensor, words: str) -> None:
    network = torchvisions()()
    with untouched(network), pytest.raises(InputError, match=rf"^{words}[^\n]*\.$"):
        gradient_flow(network, images, labels)


def test_one_image_that_is_large_enough_has_a_gradient_flow() -> None:
    network = torchvisions()()
    copied = exact(network).train()
    stranger = STRANGERS["torchvision basic"]
    hand = ByHand(stranger, copied, picture())
    gradients = hand.gradients(F.cross_entropy(hand.logits, torch.tensor([2])))
    found = gradient_flow(network, picture(), torch.tensor([2])).blocks
    assert [block.gradient_norm for block in found] == pytest.approx(
        [float(gradients[name].norm()) for name in stranger.blocks], rel=5e-3
    )


def test_a_network_that_cannot_run_on_the_image_says_so() -> None:
    with pytest.raises(InputError, match=r"^The network cannot run on this input: [^\n]*\.$"):
        inspect(STRANGERS["timm ConvNeXt"].make(), picture(8))  # 2 x 2 pixels after the stem, and three more halvings


def test_pruning_hooks_are_part_of_the_network() -> None:
    def pruned() -> nn.Module:
        network = torchvisions()()
        prune.l1_unstructured(network.layer1[0].conv1, "weight", 0.5)
        with torch.no_grad():
            network.layer1[0].conv1.weight_orig.mul_(2)  # of which the hook makes the weight before each pass
        return network

    network = pruned()
    stale = network.layer1[0].conv1.weight
    close(inspect(network, picture()).logits, pruned()(picture())[0])
    assert network.layer1[0].conv1.weight is stale


def test_gradients_are_the_networks_whatever_backward_hooks_it_has() -> None:
    network = torchvisions()()
    expected = inspect(network, picture(), TARGET)
    network.layer3[0].register_full_backward_hook(lambda _module, given, _got: tuple(0 * gradient for gradient in given))
    found = inspect(network, picture(), TARGET)
    assert [block.gradient_norm for block in found.blocks] == [block.gradient_norm for block in expected.blocks]


def test_a_class_whose_forward_was_replaced_is_looked_into_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        """Weighs the shortcut, so that F(x) + x is not what the block computes."""
        return F.relu(
            self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + 0.5 * (self.downsample(x) if self.downsample else x)
        )

    network = torchvisions()()
    monkeypatch.setattr(resnet.BasicBlock, "forward", forward)
    found = inspect(network, picture())
    assert [block.residual_norm for block in found.blocks] == [None] * 5
    close(found.logits, exact(network)(picture().double())[0])
