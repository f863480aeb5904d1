from __future__ import annotations

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dashboard.figures.predictions import confidence, how_often_right, predictions_gallery, predictions_table

CLASSES = ("cat", "dog", "frog")
PLAIN = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.3, 0.4]], np.float32)
RESIDUAL = np.array([[0.9, 0.1, 0.0], [0.2, 0.1, 0.7], [0.1, 0.1, 0.8]], np.float32)
TITLES = ["one", "<script>alert(1)</script>", "three"]
TRUTHS = [("cat", "kitten"), ("frog",), ()]


def table():
    return predictions_table(TITLES, [CLASSES, CLASSES], [PLAIN, RESIDUAL], TRUTHS)


def test_first_choices_by_hand():
    found = table()
    assert found.left.tolist() == ["cat", "dog", "frog"]
    assert found.right.tolist() == ["cat", "frog", "frog"]
    assert found.agree.tolist() == [True, False, True]
    assert found.right_percent.tolist() == pytest.approx([90, 70, 80], abs=1e-4)


def test_the_gallery_shows_every_picture_and_a_name_is_only_text():
    pictures = [np.full((32, 32, 3), 40 * i, np.uint8) for i in range(3)]
    found = predictions_gallery(table(), pictures, [False, True])
    assert "<script>" not in found
    assert "&lt;script&gt;" in found
    sources = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', found)
    means = [np.asarray(Image.open(io.BytesIO(base64.b64decode(source)))).mean() for source in sources]
    assert means == pytest.approx([0, 40, 80], abs=2)
    words = found.replace("\N{NO-BREAK SPACE}", " ")
    assert "<b>90 % ✓</b>" in words
    assert "<b>50 % ✗</b>" in words
    assert "<b>80 %</b>" in words  # nobody said what it is


def test_how_often_each_is_right_is_said_of_what_it_has_learned():
    assert how_often_right(table(), ("plain", "residual")) == (
        "Right (✓) where the photograph shows a class that the network has learnt: plain on 1 of 2, residual on 2 of 2."
    )
    unknown = predictions_table(TITLES, [CLASSES, CLASSES], [PLAIN, RESIDUAL], [(), ("bird",), ()])
    assert how_often_right(unknown, ("plain", "residual")) == ""


def test_a_point_a_photograph_by_agreement():
    figure = confidence(table(), ["plain", "residual"])
    diagonal, disagree, agree = figure.data
    assert (disagree.name, list(disagree.x), list(disagree.y)) == ("they disagree", [50], [pytest.approx(70)])
    assert len(agree.x) == 2
    assert diagonal.x == diagonal.y
    assert figure.layout.xaxis.range == figure.layout.yaxis.range


def test_networks_that_have_learned_other_classes_agree_by_name():
    found = predictions_table(
        TITLES, [CLASSES, ("frog", "cat")], [PLAIN, np.array([[0.1, 0.9], [0.9, 0.1], [1, 0]], np.float32)], [(), ("dog",), ()]
    )
    assert found.left_correct.tolist() == [pd.NA, True, pd.NA]
    assert found.right_correct.isna().all()  # it has not learned dogs
    assert found.right.tolist() == ["cat", "frog", "frog"]
    assert found.agree.tolist() == [True, False, True]
