"""Which pages are there? A row each: address, group, menu, question. Adding a page is a row here, a view and a scene."""

from __future__ import annotations

from dataclasses import dataclass

ENTRY = "Start"  # from where the story begins
RECORDS = "Records"  # in the footer, not in the bar


@dataclass(frozen=True)
class Page:
    """One page of the site.

    Args:
        key: its address, "/compare", and the name of its view and scene.
        group: the step of the story that it belongs to; a menu of the bar, or the footer.
        name: in the menu, and in the browser's title.
        question: what it answers.
        icon: a name of Material's icons.
    """

    key: str
    group: str
    name: str
    question: str
    icon: str

    @property
    def view(self) -> str:
        return f"views/{self.key}.py"

    @property
    def title(self) -> str:
        """What the browser's tab, history and bookmarks say."""
        return f"{self.name} · ResNet Lens"


PAGES = {
    page.key: page
    for page in (
        Page("home", ENTRY, "Home", "Why did more layers learn worse, and what one line fixed it?", "home"),
        Page("lecture", ENTRY, "Lecture", "How do I teach this?", "co_present"),
        Page("architectures", "The idea", "Blocks and networks", "What is a network made of?", "account_tree"),
        Page("operations", "The idea", "Operations", "What do convolution, batch norm, ReLU and the addition do?", "calculate"),
        Page("degradation", "The problem", "Degradation", "Do deeper networks learn worse?", "stacked_line_chart"),
        Page("train_live", "The problem", "Train live", "What do shortcuts change while a network trains?", "sprint"),
        Page("gradient_flow", "The problem", "Gradient flow", "Is it vanishing gradients?", "waves"),
        Page("myths", "The problem", "Myths", "True, false, or does it depend?", "quiz"),
        Page("lesion", "Why it works", "Lesion", "What if a block is missing?", "content_cut"),
        Page("landscape", "Why it works", "Landscape", "How rough is the loss?", "landscape"),
        Page("likeness", "Why it works", "Likeness", "Which blocks compute alike?", "grid_on"),
        Page("compare", "Look inside", "Compare", "What does every block see?", "compare"),
        Page("feature_maps", "Look inside", "Feature maps", "What is in every channel?", "grid_view"),
        Page("attribution", "Look inside", "Attribution", "Which pixels speak for it?", "filter_center_focus"),
        Page("predictions", "Look inside", "Predictions", "Who is right, and who is sure?", "photo_library"),
        Page("studies", RECORDS, "Studies", "What was trained and measured?", "science"),
        Page("glossary", RECORDS, "Glossary", "What does that word mean?", "dictionary"),
        Page("about", RECORDS, "About", "What is ResNet Lens?", "info"),
    )
}
START = next(iter(PAGES))


def following(key: str) -> Page | None:
    """Return the page that the story goes on with; None after its last page, and for records."""
    story = [page for page in PAGES.values() if page.group not in (ENTRY, RECORDS)]
    if PAGES[key].group == ENTRY:
        return story[0]
    places = [page.key for page in story]
    rest = story[places.index(key) + 1 :] if key in places else []
    return rest[0] if rest else None


def nearest(address: str) -> list[Page]:
    """Return the pages whose address or name is most like `address`, the most alike first."""
    from difflib import get_close_matches

    words = {word.lower(): page for page in PAGES.values() for word in (page.key, page.name)}
    alike = get_close_matches(address.lower(), words, n=3, cutoff=0.5)
    return list({words[word].key: words[word] for word in alike}.values())
