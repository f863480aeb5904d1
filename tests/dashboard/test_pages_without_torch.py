"""Do the pages of recorded runs do without torch, whose import takes seconds?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_no_page_of_recorded_runs_needs_torch() -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "for view in ('degradation', 'studies', 'lesion', 'landscape', 'likeness', 'myths'):\n"
        "    test = AppTest.from_file(f'dashboard/views/{view}.py', default_timeout=60).run()\n"
        "    assert not test.exception, test.exception\n"
        "assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, timeout=120, env={"PYTHONPATH": str(root), "PATH": "/usr/bin"}
    )
