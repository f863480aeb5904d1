"""Which photographs come with the project? Six that scikit-image bundles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from resnet_core.errors import InputError
from resnet_core.pictures.decode import Picture, decode


@dataclass(frozen=True)
class Sample:
    """A photograph that scikit-image bundles; `source` and `licence` are its documentation's words."""

    name: str  # short, for a URL
    title: str
    file: str  # in skimage/data
    source: str
    licence: str
    classes: tuple[str, ...] = ()  # of ImageNet's, by torchvision's names: those that are right for it


_CC0 = "No copyright restrictions. CC0 by the photographer"
SAMPLES: dict[str, Sample] = {
    sample.name: sample
    for sample in (
        Sample(
            "coffee",
            "Coffee cup",
            "coffee.png",
            "courtesy of Pikolo Espresso Bar",
            f"{_CC0} (Rachel Michetti).",
            ("espresso", "cup", "coffee mug"),
        ),
        Sample(
            "cat",
            "Chelsea the cat",
            "chelsea.png",
            "Stefan van der Walt",
            f"{_CC0} (Stefan van der Walt).",
            ("tabby", "tiger cat", "Egyptian cat"),
        ),
        Sample(
            "rocket",
            "Launch photo of DSCOVR on Falcon 9",
            "rocket.jpg",
            "https://www.flickr.com/photos/spacexphotos/16511594820/in/photostream/",
            "The image was captured by SpaceX and released in the public domain.",
            ("missile", "projectile"),
        ),
        Sample(
            "astronaut",
            "The astronaut Eileen Collins",
            "astronaut.png",
            "https://flic.kr/p/r9qvLn",
            "No known copyright restrictions, released into the public domain.",
        ),
        Sample(
            "camera",
            "A man with a camera (grey)",
            "camera.png",
            "https://github.com/scikit-image/scikit-image/issues/3927",
            f"{_CC0} (Lav Varshney).",
        ),
        Sample(
            "galaxies",
            "Hubble eXtreme Deep Field",
            "hubble_deep_field.jpg",
            "http://hubblesite.org/newscenter/archive/releases/2012/37/image/a/",
            "The image was captured by NASA and may be freely used in the public domain.",
        ),
    )
}


@cache
def sample(name: str) -> Picture:
    """Return a sample photograph, (H, W, 3) uint8, read-only. Raises InputError for an unknown name."""
    if name not in SAMPLES:
        raise InputError(f"There is no sample picture {name[:40]!r}; choose {', '.join(SAMPLES)}.")
    picture = decode((files("skimage") / "data" / SAMPLES[name].file).read_bytes())
    picture.setflags(write=False)
    return picture
