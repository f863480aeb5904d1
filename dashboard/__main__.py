"""`python -m dashboard`: start the server here and open the page in the browser."""

import os
import sys
import threading
import time
import urllib.request
import webbrowser
from argparse import ArgumentParser
from pathlib import Path

from streamlit.web import cli

ROOT = Path(__file__).parents[1]


def _greet(url: str) -> None:
    """Wait for the server, open the page, and load torch meanwhile, so that the first answer does not wait for it."""
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{url}/_stcore/health", timeout=1).close()
            break
        except OSError:
            time.sleep(0.25)
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        webbrowser.open(url)
    import resnet_core.inspection.inspect
    import resnet_core.weights  # noqa: F401
    from resnet_core.training import race

    time.sleep(10)  # the first answer comes first
    race.warm_up()


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8501)
    port = parser.parse_args().port
    os.chdir(ROOT)  # where .streamlit/config.toml lies
    sys.path.insert(0, str(ROOT))
    threading.Thread(target=_greet, args=(f"http://127.0.0.1:{port}",), daemon=True).start()
    sys.argv = ["streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
    cli.main()


if __name__ == "__main__":
    main()
