"""Do the pages of recorded runs do without torch, whose import takes seconds?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_the_pages_of_recorded_studies_and_home_need_no_torch() -> None:
    code = (
        "import sys; from streamlit.testing.v1 import AppTest\n"
        "views = ('home', 'degradation', 'studies', 'glossary', 'about', 'lesion', 'landscape', 'likeness', 'myths')\n"
        "for view in views:\n"
        "    test = AppTest.from_file('dashboard/app.py', default_timeout=60).switch_page(f'views/{view}.py').run()\n"
        "    assert not test.exception, test.exception\n"
        "assert 'torch' not in sys.modules"
    )
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, timeout=120, env={"PYTHONPATH": str(root), "PATH": "/usr/bin"}
    )
