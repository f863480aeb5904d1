"""What does the link say? A choice is drawn, bound to its query parameter, checked and explained in one call.

The link holds stable ids, not display names, and leaves out what is the default. A link that is opened or followed wins over what
was chosen before; what was chosen on one page is kept for others that ask for the same key. A value that the link asks for and
that does not exist is named on the page, and the default stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from dashboard.plain import plain

Value = TypeVar("Value")
Id = TypeVar("Id", bound=str)
Options = Mapping[Id, str] | Sequence[Id]  # ids with their words, or ids that are words
_SEEN, _KEPT, _UNKNOWN, _ENDS, _ASKED = "link-seen", "link-kept", "link-unknown", "link-ends", "link-asked"
_PAGE = "link-page"
# What others than a page's widgets read: Streamlit, the presenter's mode, the lecture
_ELSEWHERE = {"embed", "embed_options", "present", "tour", "step", "explore", "hide"}


class _NoSuchChoiceError(Exception):
    """Its argument is what the link says."""


def begin(page: str = "") -> None:
    """Reserve the place where the page names what its link asks for in vain. Call it once, above the page."""
    st.session_state[_UNKNOWN] = (st.empty(), [])
    st.session_state[_ASKED] = set()
    if st.session_state.get(_PAGE) != page:  # what the link said on another page, it says no more
        st.session_state[_PAGE] = page
        st.session_state[_SEEN] = {}


def end() -> None:
    """Name what the link holds and nothing on the page asked for. Call it once, below the page."""
    seen = st.session_state.get(_SEEN, {})
    for key in set(st.query_params) - st.session_state[_ASKED] - _ELSEWHERE:
        if seen.pop(key, None) is None:  # else a choice has put away the widget that had it
            _complain(f"The link names “{plain(key[:60])}”, which this page does not ask for; it is left out.")
        del st.query_params[key]


def unknown(state: Mapping[str, Any]) -> list[str]:
    """Return a sentence, as Markdown, for each thing that the link asked for in vain at the last run of a session."""
    return list(state[_UNKNOWN][1])


def forget() -> None:
    """Forget every choice of the session: the page that runs next shows what its link says, and otherwise its usual choices."""
    state = st.session_state
    for key in (*state.get(_KEPT, ()), _KEPT, _SEEN, _ENDS):
        state.pop(key, None)


def select(
    label: str, key: str, options: Options[Id], default: Id | None = None, *, old: Mapping[str, Id] | None = None, **looks: Any
) -> Id:
    """Draw a select box and return the chosen id.

    Args:
        key: the query parameter, and the widget's key.
        default: an id; None: the first option.
        old: ids by what earlier versions' links said.
        looks: further arguments of `st.selectbox`.
    """
    return _one_of(st.selectbox, label, key, options, default, old, **looks)


def chip(
    label: str, key: str, options: Options[Id], default: Id | None = None, *, old: Mapping[str, Id] | None = None, **looks: Any
) -> Id:
    """Draw what is looked at as a button that shows the choice and opens the select box; arguments as `select`."""
    return _one_of(_in_popover, label, key, options, default, old, **looks)


def _in_popover(
    label: str, options: Sequence[Id], *, format_func: Callable[[Id], str], key: str, icon: str | None = None, **looks: Any
) -> Id | None:
    with st.popover(f"{label}: **{plain(format_func(st.session_state[key]))}**", icon=icon):
        return st.selectbox(label, options, format_func=format_func, key=key, **looks)


def segmented(
    label: str, key: str, options: Options[Id], default: Id | None = None, *, old: Mapping[str, Id] | None = None, **looks: Any
) -> Id:
    """Draw a segmented control of which one segment is chosen, and return its id; arguments as `select`."""
    return _one_of(st.segmented_control, label, key, options, default, old, required=True, **looks)


def pills(
    label: str, key: str, options: Options[Id], default: Sequence[Id], *, old: Mapping[str, Id] | None = None, **looks: Any
) -> list[Id]:
    """Draw pills of which any number is chosen, and return their ids in the options' order; the parameter is repeated."""
    words = _words(options)

    def read(said: list[str]) -> list[Id]:
        return [_id(each, words, old) for each in said if each != "none"]

    _before(key, list(default), read, lambda kept: all(each in words for each in kept))
    chosen = st.pills(label, list(words), selection_mode="multi", format_func=words.__getitem__, key=key, **looks)
    ordered = [each for each in words if each in chosen]
    _after(key, ordered, ordered == list(default), list(map(str, ordered)) or ["none"])
    return ordered


def toggle(label: str, key: str, default: bool = False, **looks: Any) -> bool:
    """Draw a toggle and return whether it is on; the parameter is "true" or "false"."""
    can_be = ("false",) if looks.get("disabled") else ("true", "false")
    _before(
        key, default, lambda said: _id(_one(key, said).lower(), _words(can_be), None) == "true",
        lambda kept: str(kept).lower() in can_be,
    )  # fmt: skip
    chosen = st.toggle(label, key=key, **looks)
    _after(key, chosen, chosen == default, [str(chosen).lower()])
    return bool(chosen)


def number(label: str, key: str, low: int, high: int, default: int | None = None, **looks: Any) -> int | None:
    """Draw a field for a whole number from `low` to `high` and return it; without a default it may be empty: None."""
    _before(key, default, lambda said: _in_range(_one(key, said), low, high), lambda kept: kept is None or low <= kept <= high)
    # "min", not None, where there is a default: else Streamlit adds a button to empty the field that no keyboard reaches
    chosen: int | None = st.number_input(label, low, high, None if default is None else "min", key=key, **looks)
    _after(key, chosen, chosen == default, [str(chosen)])
    return chosen


def slider(label: str, key: str, low: int, high: int, default: int, step: int = 1, **looks: Any) -> int:
    """Draw a slider over low, low + step … high and return its value."""
    ends = st.session_state.setdefault(_ENDS, {})
    if ends.setdefault(key, (low, high)) != (
        low,
        high,
    ):  # a new widget of Streamlit's, without the value of the old one
        st.session_state[key], ends[key] = default, (low, high)
    _before(key, default, lambda said: _in_range(_one(key, said), low, high), lambda kept: low <= kept <= high)
    chosen: int = st.slider(label, low, high, step=step, key=key, **looks)
    _after(key, chosen, chosen == default, [str(chosen)])
    return chosen


def asked(key: str, allowed: Collection[str]) -> str | None:
    """Return what the link says for a choice that is no widget of Streamlit's; None where it says nothing, or what is unknown."""
    st.session_state[_ASKED].add(key)
    said = st.query_params.get_all(key)
    if said and _one(key, said) not in allowed:
        _name_unknown(key, said[-1])
    return said[-1] if said and said[-1] in allowed else None


def kept(key: str, allowed: Collection[str], default: str) -> str:
    """Return a choice that is no widget of Streamlit's: callbacks set it with `choose`, and the link holds it as a widget's."""
    _before(key, default, lambda said: _id(said[-1], dict.fromkeys(allowed, ""), None), lambda value: value in allowed)
    value: str = st.session_state[key]
    _after(key, value, value == default, [value])
    return value


def choose(key: str, value: Any) -> None:
    """Set a choice from a callback, as if the person had chosen it."""
    st.session_state[key] = value


def choose_point(key: str, exhibit: str) -> None:
    """Callback of an exhibit: the customdata of the clicked point becomes the choice named `key`."""
    if point := st.session_state[exhibit].point:
        choose(key, point)


def _one_of(
    draw: Callable[..., Any],
    label: str,
    key: str,
    options: Options[Id],
    default: Id | None,
    old: Mapping[str, Id] | None,
    **looks: Any,
) -> Id:
    words = _words(options)
    usual = next(iter(words)) if default is None else default
    _before(key, usual, lambda said: _id(_one(key, said), words, old), lambda kept: kept in words)
    chosen: Id = draw(label, list(words), format_func=words.__getitem__, key=key, **looks)
    _after(key, chosen, chosen == usual, [chosen])
    return chosen


def _words(options: Options[Id]) -> dict[Id, str]:
    return dict(options) if isinstance(options, Mapping) else {each: each for each in options}


def _id(said: str, words: Mapping[Id, str], old: Mapping[str, Id] | None) -> Id:
    found = (old or {}).get(said, said)
    for each in words:
        if each == found:
            return each
    raise _NoSuchChoiceError(said)


def _one(key: str, said: list[str]) -> str:
    """What a link says of a choice that can be one thing only."""
    if len(set(said)) > 1:
        _complain(f"The link asks for {key} {len(said)} times; the page takes the last, “{plain(said[-1][:60])}”.")
    return said[-1]


def _in_range(said: str, low: int, high: int) -> int:
    try:
        value = int(said)
    except ValueError:
        raise _NoSuchChoiceError(said) from None
    if not low <= value <= high:
        raise _NoSuchChoiceError(said)
    return value


def _before(key: str, default: Value, read: Callable[[list[str]], Value], fits: Callable[[Any], bool]) -> None:
    """Settle the widget's value before it is drawn."""
    said, state = st.query_params.get_all(key), st.session_state
    state[_ASKED].add(key)
    seen, kept = state.setdefault(_SEEN, {}), state.setdefault(_KEPT, {})
    if said and said != seen.get(key):
        seen[key] = said
        try:
            state[key] = read(said)
        except _NoSuchChoiceError as error:
            _name_unknown(key, error.args[0])
            state[key] = default
    elif key not in state:
        state[key] = kept[key] if key in kept and fits(kept[key]) else default
    elif not said and key in seen and state[key] == kept.get(key):  # Back, to where the link says nothing
        del seen[key]
        state[key] = default
    elif not fits(state[key]):  # the options changed with another choice
        state[key] = default


def _after(key: str, value: Any, usual: bool, says: list[str]) -> None:
    """Have the link say what was chosen."""
    st.session_state[_KEPT][key] = value
    seen, said = st.session_state[_SEEN], st.query_params.get_all(key)
    if usual:
        seen.pop(key, None)
        if said:
            del st.query_params[key]
    else:
        seen[key] = says
        if said != says:
            st.query_params[key] = says


def _name_unknown(key: str, said: str) -> None:
    _complain(
        f"The link asks for {key} “{plain(said[:60])}”, which does not exist here; the page shows its usual choice instead."
    )


def _complain(sentence: str) -> None:
    place, sentences = st.session_state[_UNKNOWN]
    sentences.append(sentence)
    place.warning("  \n".join(sentences), icon=":material/link_off:")
