"""Where does the presenter's window come from? Two static files; the window follows the bar over a BroadcastChannel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

PATH = "presenter"  # below the site's base path
_HERE = Path(__file__).parent
_FILES = {"presenter.html": "text/html", "presenter.js": "text/javascript"}


def address(base_path: str) -> str:
    """Return the path of the window's page."""
    below = base_path.strip("/")
    return f"{f'/{below}' if below else ''}/{PATH}/presenter.html"


def routes(base_path: str) -> list[Route]:
    """Return the routes below `base_path` ("" or "/lens")."""
    from starlette.responses import FileResponse, Response
    from starlette.routing import Route

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        return FileResponse(_HERE / name, media_type=_FILES[name]) if name in _FILES else Response(status_code=404)

    return [Route(f"{base_path}/{PATH}/{{name}}", file)]
