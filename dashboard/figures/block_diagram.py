"""What is one block made of? Figure 5 of the paper (He et al. 2015), as a drawing from x at the top to y at the bottom."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from dashboard.figures.colours import NEUTRAL, of_network
from resnet_core.networks.architectures import Architecture, Stage
from resnet_core.networks.cost import BlockShape, Convolution, block_shape

BOX = 152  # every length is in pixels, so that the drawing and its text are as large on a telephone as on a wide screen
TALL, LOW = 38, 26  # convolutions; batch norm and ReLU
INNER = 4  # between the layers of one box group
ARROW = 34
RADIUS = 13  # of the addition
CORNER = 14
OFFSET = 82  # of the main path from the middle, to the left, and of the shortcut, to the right: room for its label

Shape = dict[str, Any]


def block_diagram(architecture: Architecture, stage: Stage, first: bool = False) -> go.Figure:
    """The `first` block of a stage, where dimensions change, or any of the others.

    Boxes are layers, named as in the paper: "3×3, 64" is a 3×3 convolution with 64 output channels. F(x) is the main path
    up to the addition. A plain network's block has neither shortcut nor addition; its layers stand at the same
    heights, so that the two of a matched pair can be read side by side. Each shape's `name` says what it is.
    """
    shape = block_shape(architecture, stage, first)
    drawing = _Drawing(of_network(architecture.residual))
    main = -OFFSET if architecture.residual else 0

    y = 30
    drawing.text(f"<b><i>x</i></b>  {shape.main[0].in_channels} channels", main, y - 14)
    fork = y + 10
    y = drawing.arrow(main, y, y + ARROW + 10)
    for i, convolution in enumerate(shape.main):
        if i > 0:
            y = drawing.arrow(main, y, y + ARROW - 10)
        y = drawing.box("convolution", _times(convolution), main, y, TALL)
        if architecture.batch_norm:
            y = drawing.box("batch norm", "BN", main, y + INNER, LOW)
        if i < len(shape.main) - 1:
            y = drawing.box("ReLU", "ReLU", main, y + INNER, LOW)

    branch = y
    addition = y + ARROW + RADIUS
    if architecture.residual:
        drawing.text("<i>F</i>(<i>x</i>)", main + 10, branch + 13, "left")
        drawing.arrow(main, branch, addition - RADIUS)
        drawing.addition(main, addition)
        _shortcut(drawing, architecture, shape, fork, addition)
        carried = "<i>x</i>" if shape.projection is None else "<i>W</i><sub>s</sub><i>x</i>"  # Eq. 1 and Eq. 2
        drawing.text(f"<i>F</i>(<i>x</i>) + {carried}", main + 10, addition + RADIUS + 13, "left")
        y = drawing.arrow(main, addition + RADIUS, addition + RADIUS + ARROW)
    else:
        drawing.text("<i>F</i>(<i>x</i>)", main + 10, addition, "left")
        y = drawing.arrow(main, branch, addition + RADIUS + ARROW)
    y = drawing.box("ReLU", "ReLU", main, y, LOW)
    y = drawing.arrow(main, y, y + ARROW - 6)
    out_channels = shape.main[-1].out_channels
    drawing.text(f"<b><i>y</i></b>  {out_channels} channels", main, y + 14)
    return drawing.figure(height=y + 30)


def _times(convolution: Convolution) -> str:
    return str(convolution).replace("x", "×", 1)


def _shortcut(drawing: _Drawing, architecture: Architecture, shape: BlockShape, fork: int, addition: int) -> None:
    """From x around F to the addition. What happens to x on the way stands in a gap of the line."""
    start, x, middle = -OFFSET, OFFSET, (fork + addition) // 2
    if shape.projection is not None:
        height = TALL + (INNER + LOW if architecture.batch_norm else 0)
        top = middle - height // 2
        drawing.text(f"1×1 projection ({architecture.shortcut})", x, top - 16)
        y = drawing.box("convolution", _times(shape.projection), x, top, TALL)
        if architecture.batch_norm:
            y = drawing.box("batch norm", "BN", x, y + INNER, LOW)
        above, below = top - 30, y + 4
    else:
        label = "zero-padded<br>identity (A)" if shape.changes else "identity"
        half = 24 if shape.changes else 14
        drawing.text(label, x, middle)
        above, below = middle - half, middle + half
    drawing.shortcut_line(f"M{start},{-fork} H{x - CORNER} Q{x},{-fork} {x},{-fork - CORNER} V{-above}")
    drawing.shortcut_line(f"M{x},{-below} V{-addition + CORNER} Q{x},{-addition} {x - CORNER},{-addition} H{start + RADIUS + 8}")
    drawing.head(start + RADIUS + 1, addition, "left", drawing.colour)


class _Drawing:
    """Shapes and text on a sheet whose origin is the middle of its upper edge: x to the right, y downwards, in pixels."""

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self.shapes: list[Shape] = []
        self.annotations: list[dict[str, Any]] = []

    def _add(self, **shape: Any) -> None:
        pixels = {"xref": "paper", "yref": "paper", "xsizemode": "pixel", "ysizemode": "pixel", "xanchor": 0.5, "yanchor": 1}
        self.shapes.append(pixels | shape)

    def _path(self, name: str, path: str, colour: str, width: float, fill: str | None = None) -> None:
        self._add(type="path", name=name, path=path, line={"color": colour, "width": width}, fillcolor=fill or "rgba(0,0,0,0)")

    def text(self, text: str, x: float, y: float, align: str = "center") -> None:
        """`y` is the text's middle. Its colour is that of the page's own text, in the light and in the dark theme.

        A font colour would be fixed, and without one Streamlit's theme makes all text in figures grey: 3.7 to 1 on white.
        """
        place = {"x": 0.5, "y": 1, "xref": "paper", "yref": "paper", "xshift": x, "yshift": -y}
        style = {"xanchor": align, "yanchor": "middle", "showarrow": False, "font": {"size": 15}}
        self.annotations.append({"text": f'<span style="color:currentColor">{text}</span>', **place, **style})

    def box(self, name: str, text: str, x: int, top: int, height: int) -> int:
        """A layer; returns its lower edge. Layers with weights that we count have the network's colour."""
        colour, strong = (self.colour, True) if name == "convolution" else (NEUTRAL, False)
        left, right, bottom, r = x - BOX // 2, x + BOX // 2, top + height, 6
        corners = (
            f"M{left + r},{-top} H{right - r} Q{right},{-top} {right},{-top - r} "
            f"V{-bottom + r} Q{right},{-bottom} {right - r},{-bottom} "
            f"H{left + r} Q{left},{-bottom} {left},{-bottom + r} "
            f"V{-top - r} Q{left},{-top} {left + r},{-top} Z"
        )
        self._path(name, corners, colour, 2 if strong else 1, _translucent(colour, 0.22 if strong else 0.14))
        self.text(f"<b>{text}</b>" if strong else text, x, top + height / 2)
        return bottom

    def arrow(self, x: int, top: int, bottom: int) -> int:
        self._path("arrow", f"M{x},{-top} V{-bottom + 8}", NEUTRAL, 2)
        self.head(x, bottom - 1, "down", NEUTRAL)
        return bottom

    def head(self, x: int, y: int, towards: str, colour: str) -> None:
        base = f"L{x - 5},{-y + 9} L{x + 5},{-y + 9}" if towards == "down" else f"L{x + 9},{-y + 5} L{x + 9},{-y - 5}"
        self._path("arrow head", f"M{x},{-y} {base} Z", colour, 0, colour)

    def shortcut_line(self, path: str) -> None:
        self._path("shortcut", path, self.colour, 3)

    def addition(self, x: int, y: int) -> None:
        size = {"x0": x - RADIUS, "x1": x + RADIUS, "y0": -y - RADIUS, "y1": -y + RADIUS}
        line = {"color": self.colour, "width": 2.5}
        self._add(type="circle", name="addition", line=line, fillcolor=_translucent(self.colour, 0.22), **size)
        arm = RADIUS - 6
        self._path("plus", f"M{x - arm},{-y} H{x + arm} M{x},{-y - arm} V{-y + arm}", self.colour, 2.5)

    def figure(self, height: int) -> go.Figure:
        figure = go.Figure()
        figure.update_layout(
            shapes=self.shapes,
            annotations=self.annotations,
            height=height,
            margin={"l": 0, "r": 0, "t": 0, "b": 0},
            paper_bgcolor="rgba(0,0,0,0)",
            plot_bgcolor="rgba(0,0,0,0)",
            xaxis={"visible": False, "fixedrange": True},
            yaxis={"visible": False, "fixedrange": True},
            dragmode=False,
        )
        return figure


def _translucent(colour: str, share: float) -> str:
    """`colour`, "#rrggbb", over whatever the page's background is."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share})"
