"""How is a GIF file read? By Pillow; what the first frame leaves free is transparent."""

from __future__ import annotations

from io import BytesIO

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from resnet_core.pictures.encoded import Encoded


def open_gif(data: bytes) -> Encoded:
    """Read everything but the pixels."""
    image = GifImageFile(BytesIO(data))
    place = image.tile[0].extents if image.tile else None

    def load(_longest: int | None) -> Image.Image:
        if place is not None and place[0] == place[2] and place[1] == place[3]:  # an empty frame leaves all free
            return Image.new("RGBA", image.size)
        image.load()
        if place in (None, (0, 0, *image.size)):
            return image
        canvas = Image.new("RGBA", image.size)
        canvas.paste(image.convert("RGBA").crop(place), place)
        return canvas

    return Encoded(image.size, load)
