"""Which attribution methods are there? A row each; to add one, add its row here and its function to `methods`.

Importing this needs no torch, so that pages and figures may read it. Whatever else belongs to a method is found by its key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Method:
    """A way to say which pixels speak for a class. Costs are in inspections: how many times as long as `inspect` it takes.

    They were measured with resnet34-tiny at 128 pixels, on one thread of a CPU.
    """

    key: str
    title: str
    question: str  # what a picture of it answers
    source: str  # who had it first
    cost: float
    randomisation_cost: float  # of the randomisation test, which asks again after every layer
    function_name: str  # in `methods`

    @property
    def function(self) -> Callable[[Any], Any]:
        """Import and return the function that computes the attribution; importing the catalogue alone needs no torch."""
        return getattr(import_module("resnet_core.inspection.attribution.methods"), self.function_name)


METHODS: dict[str, Method] = {
    method.key: method
    for method in (
        Method(
            key="grad-cam",
            title="Grad-CAM",
            question="Where in the last block's maps is evidence?",
            source="Selvaraju et al. 2017",
            cost=1.6,
            randomisation_cost=30,
            function_name="grad_cam",
        ),
        Method(
            key="guided-backprop",
            title="Guided backprop",
            question="Which details, where each ReLU lets only what is positive back?",
            source="Springenberg et al. 2015",
            cost=1.6,
            randomisation_cost=35,
            function_name="guided_backprop",
        ),
        Method(
            key="guided-grad-cam",
            title="Guided Grad-CAM",
            question="Which details in that place?",
            source="Selvaraju et al. 2017",
            cost=2.2,
            randomisation_cost=45,
            function_name="guided_grad_cam",
        ),
        Method(
            key="gradient-x-input",
            title="Gradient × input",
            question="What would greying each pixel take away, to first order?",
            source="Shrikumar et al. 2016",
            cost=1.5,
            randomisation_cost=30,
            function_name="gradient_x_input",
        ),
        Method(
            key="integrated-gradients",
            title="Integrated gradients",
            question="What does each pixel add, on the way from grey?",
            source="Sundararajan et al. 2017",
            cost=41,
            randomisation_cost=800,
            function_name="integrated_gradients",
        ),
        Method(
            key="smoothgrad",
            title="SmoothGrad",
            question="What is the gradient, averaged over noisy copies?",
            source="Smilkov et al. 2017",
            cost=14,
            randomisation_cost=220,
            function_name="smoothgrad",
        ),
        Method(
            key="occlusion",
            title="Occlusion",
            question="What is lost where a square is covered?",
            source="Zeiler and Fergus 2014",
            cost=44,
            randomisation_cost=800,
            function_name="occlusion",
        ),
    )
}
