"""Which pages are there? A row each: address, menu, question. Adding a page is a row here, a view and a scene."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Args:
        key: its address, "/compare", and the name of its view and scene.
        name: in the menu.
        question: what it answers.
        icon: a name of Material's icons.
    """

    key: str
    name: str
    question: str
    icon: str

    @property
    def view(self) -> str:
        return f"views/{self.key}.py"


PAGES = {
    page.key: page
    for page in (
        Page("compare", "Compare", "What does every block see?", "compare"),
        Page("predictions", "Predictions", "Do they agree?", "photo_library"),
        Page("feature_maps", "Feature maps", "What is in every channel?", "grid_view"),
        Page("attribution", "Attribution", "Which pixels speak for it?", "filter_center_focus"),
        Page("gradient_flow", "Gradient flow", "How does the gradient come back?", "waves"),
        Page("degradation", "Degradation", "Do deeper networks learn worse?", "stacked_line_chart"),
        Page("train_live", "Train live", "Train a deep network, with and without shortcuts", "sprint"),
        Page("architectures", "Architectures", "What is a network made of?", "account_tree"),
        Page("lecture", "Lecture", "How do I teach this?", "co_present"),
        Page("studies", "Studies", "What was trained and measured?", "science"),
    )
}
START = "compare"
