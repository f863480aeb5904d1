"""What is in every channel of a block, and what do F(x), the shortcut and ReLU make of it? The scene of the page Feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np

from dashboard.figures.feature_maps import (
    EQUATION_SHAPE,
    OVER_SHAPE,
    PLACES,
    POSITIVE,
    SORTS,
    channel_grid,
    channel_over,
    channel_table,
    equation,
    equation_limit,
    grid_shape,
    limit_of,
    order_of,
    values_table,
)
from dashboard.figures.overlay import Pixels
from dashboard.scenes.exhibit import SIDES, Exhibit, Place
from dashboard.scenes.link_words import LOOKED_AT, LinkWords
from dashboard.scenes.scene import Scene, Try
from resnet_core.inspection.records import FeatureMaps, Sort

QUESTION = "What is in every channel?"
Colours = Literal["shared", "own"]
CODE = """import resnet_core as lens

network = lens.load({network!r})
found = lens.feature_maps(network, "photograph.jpg", {block!r})
found.maps[{place!r}][{channel}]
"""
LINK = LinkWords(
    LOOKED_AT
    | {
        "block": None,
        "place": ("residual-function", *(place for place in PLACES if place != "F(x)")),
        "sort": SORTS,
        "channel": range(4096),
        "colours": get_args(Colours),
    },
    ("grid-*", "equation-*", "channel-*"),
)


@dataclass(frozen=True, eq=False)
class Maps:
    """One network's maps: its title, reference, whether it is residual, and what its block holds."""

    title: str
    reference: str
    residual: bool
    found: FeatureMaps


def first_channel(pair: Sequence[Maps], place: str, sort: Sort) -> int:
    """Return the channel that `sort` puts first in the right network, or in the left one where the right has no such place."""
    sorted_by = next(each.found for each in pair[::-1] if place in each.found.maps)
    return int(order_of(sorted_by, place, sort, like=0)[0])


def feature_maps(
    pair: tuple[Maps, Maps],
    *,
    picture: Pixels,
    photograph: str,
    place: str,
    sort: Sort,
    channel: int,
    colours: Colours,
    badge: str,
    provenance: Sequence[str],
) -> Scene:
    """Return the scene of one block of two networks.

    Args:
        picture: the square that both see, (S, S, 3), and `photograph`, its title.
        place: where in the block, a key of PLACES.
        channel: the one that is framed, and shown large.
        colours: "shared": all channels of both networks on one scale; "own": every channel on its own.
    """
    limit = limit_of([each.found for each in pair], place)
    shared = colours == "shared"
    both = equation_limit([each.found for each in pair], channel)
    main: list[Exhibit] = []
    equations: list[Exhibit] = []
    large: list[Exhibit] = []
    notices: list[str] = []
    for side, each in zip(SIDES, pair, strict=True):
        maps = each.found.maps
        if place not in maps:
            notices.append(f"Block {each.found.block} of {each.title} has no {PLACES[place]}.")
        elif channel >= len(maps[place]):
            notices.append(f"{each.title} has no channel {channel} there: it has {len(maps[place])}.")
        else:
            main.append(_grid(each, place, sort, channel, limit if shared else None, badge, side))
            large.append(_large(each, place, channel, picture, limit, badge, side))
        if channel < len(maps["output"]):
            most = both if shared else equation_limit([each.found], channel)
            equations.append(_equation(each, channel, most, badge, side))
    return Scene(
        question=QUESTION,
        answer=" ".join(map(_what_the_block_adds, pair)),
        main=tuple(main) or tuple(equations),
        support=(*(equations if main else ()), *large),
        try_this=(
            Try("Every channel on its own scale", {"colours": "own"}),
            Try("Only what the block adds", {"place": "residual-function"}),
            Try("The last block", {"block": "conv5_3"}),
        ),
        does_not_show="Channels have no order and no names: what a channel responds to shows in many pictures, not in one.",
        provenance=(f"{photograph}, {PLACES[place]}.", *provenance),
        notices=tuple(notices),
    )


def _norm(values: np.ndarray) -> float:
    return float(np.linalg.norm(values.astype(np.float64)))


def _what_the_block_adds(each: Maps) -> str:
    maps, block = each.found.maps, each.found.block
    if not each.residual:
        return f"{each.title} has no shortcut: {block} replaces what it is given."
    ratio = _norm(maps["F(x)"]) / (_norm(maps["shortcut"]) or np.nan)
    return f"{block} of {each.title} adds F(x), {ratio:.2f} times as large, to what its shortcut passes on."


def _grid(each: Maps, place: str, sort: Sort, channel: int, limit: float | None, badge: str, side: Place) -> Exhibit:
    maps, order = each.found.maps[place], order_of(each.found, place, sort, channel)
    silent = int((np.abs(maps).max((1, 2)) == 0).sum())
    signs = "dark is zero" if place in POSITIVE else "pale is zero, blue below it, red above"
    scale = f"full colour from {limit:.3g} on" if limit is not None else "full colour at each channel's largest value"
    return Exhibit(
        key=f"grid-{each.title}",
        figure=channel_grid(each.found, place, order, limit, channel),
        message=f"{each.title}, {each.found.block} {PLACES[place]}: {silent} of {len(maps)} channels are silent",
        alt=f"All {len(order)} channels of {each.title} in {each.found.block}, {PLACES[place]}",
        origin="measured",
        provenance=badge,
        numbers=partial(channel_table, each.found, place, order, channel),
        caption=f"Colours: {signs}; {scale}.",
        code=CODE.format(network=each.reference, block=each.found.block, place=place, channel=channel),
        place=side,
        shape=grid_shape(len(order)),
        clickable=True,
    )


def _equation(each: Maps, channel: int, most: float, badge: str, side: Place) -> Exhibit:
    maps = each.found.maps
    if each.residual:
        added, passed = _norm(maps["F(x)"][channel]), _norm(maps["shortcut"][channel])
        message = (
            f"Channel {channel}: F(x) is {added / passed:.2f} times as large as the shortcut"
            if passed
            else f"Channel {channel}: F(x) alone, the shortcut is zero"
        )
    else:
        message = f"Channel {channel}: F(x) is all, there is no shortcut"
    return Exhibit(
        key=f"equation-{each.title}",
        figure=equation(each.found, channel, most),
        message=message,
        alt=f"Channel {channel} of {each.title}: F(x), the shortcut, their sum, and what ReLU leaves",
        origin="measured",
        provenance=badge,
        numbers=partial(values_table, each.found, channel),
        caption=f"Pale is zero, blue below it, red above; full colour from {most:.3g} on.",
        place=side,
        shape=EQUATION_SHAPE,
    )


def _large(each: Maps, place: str, channel: int, picture: Pixels, limit: float, badge: str, side: Place) -> Exhibit:
    values = each.found.maps[place][channel]
    most, share = float(values.max()), float((values >= values.max() / 2).mean())
    message = (
        f"Channel {channel} of {each.title} peaks at {most:.3g}; it exceeds half of that on {100 * share:.0f} % of the picture"
        if most > 0
        else f"Channel {channel} of {each.title} is nowhere above zero"
    )
    return Exhibit(
        key=f"channel-{each.title}",
        figure=channel_over(each.found, place, channel, picture, limit),
        message=message,
        alt=f"Channel {channel} of {each.title} over the photograph, and a histogram of its values",
        origin="measured",
        provenance=badge,
        numbers=partial(values_table, each.found, channel),
        place=side,
        shape=OVER_SHAPE,
    )
