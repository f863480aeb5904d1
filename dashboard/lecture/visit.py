"""What does a page show under a link? Its Scene, without a server and a browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from dashboard.pages import PAGES
from dashboard.scenes import Scene
from resnet_core.errors import InputError

APP = Path(__file__).parents[1] / "app.py"
SECONDS = 300  # for one page; the slowest that starts by itself takes 10


class NothingShownError(InputError):
    """The page shows no scene: it waits for something, such as a first race."""


def visit(page: str, link: Mapping[str, str | list[str]]) -> Scene:
    """Return the scene that the page shows to a new visitor who opens the link.

    Args:
        page: its key.
        link: the parameters of the address.

    Raises:
        InputError: the page does not have what the link asks for.
        NothingShownError: the page shows no scene.
    """
    # the page itself runs, in Streamlit's headless runner: so a hand-out can never show something else than the page
    from streamlit.logger import set_log_level
    from streamlit.testing.v1 import AppTest

    from dashboard.parts.link import unknown
    from dashboard.parts.show import SHOWN

    set_log_level("error")  # it warns of every call outside a server
    visitor = AppTest.from_file(APP, default_timeout=SECONDS)
    visitor.switch_page(PAGES[page].view)
    for name, value in link.items():
        visitor.query_params[name] = value
    visitor.run()
    if visitor.exception:
        raise RuntimeError(f"The page {page} failed under {dict(link)}: {visitor.exception[0].value}")
    if sentences := unknown(visitor.session_state.to_dict()):
        raise InputError(re.sub(r"\\(.)", r"\1", sentences[0]))  # they are Markdown
    if SHOWN not in visitor.session_state:
        raise NothingShownError(
            f"The page “{PAGES[page].name}” shows nothing under this link; open it in the dashboard to see why."
        )
    scene: Scene = visitor.session_state[SHOWN]
    return scene
