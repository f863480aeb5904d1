"""Does one server serve many at once without an error? A small version of `fifty`."""

from __future__ import annotations

import pytest

from tests.load.fifty import load


@pytest.mark.slow
def test_twenty_students_and_a_race_meet_no_error() -> None:
    found = load(sessions=20, browsers=2, minutes=0.75, think=8, with_race=True, upload_rate=6)
    assert found["errors"] == []
    assert found["reruns"] > 30
