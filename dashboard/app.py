"""The whole site on one screen: the pages, what all of them share, and the one that is asked for."""

from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import streamlit as st

from dashboard.lecture import bar, save_page
from dashboard.pages import PAGES, RECORDS, START
from dashboard.parts import frame, link
from dashboard.parts.present import presenting
from dashboard.parts.show import not_found

HERE = Path(__file__).parent
FIRST = "-"  # the first page answers at "/" alone; its name is another page, which leads there
# what links to Compare said when it was the first page, at "/"
OF_COMPARE = {"pair", "left", "right", "sample", "target", "scale", "difference", "block"}

st.set_page_config("ResNet Lens", page_icon="🔍", layout="wide", initial_sidebar_state="collapsed")
st.html(HERE / "parts" / "page.css")
menu: dict[str, list[st.Page]] = {}
for row in PAGES.values():
    menu.setdefault(row.group, []).append(
        st.Page(
            row.view, title=row.name, icon=f":material/{row.icon}:", default=row.key == START,
            url_path=FIRST if row.key == START else row.key,
            visibility="hidden" if row.group == RECORDS else "visible",
        )
    )  # fmt: skip
path = urlsplit(st.context.url or "").path.strip("/")
address = path.removeprefix(st.get_option("server.baseUrlPath").strip("/")).strip("/")
if address and (address not in PAGES or address == START) and "/" not in address:  # else Streamlit lays a dialog over the page
    leads = partial(st.switch_page, PAGES[START].view) if address == START else partial(not_found, address)
    missing = st.Page(leads, title="Not found", url_path=address, visibility="hidden")
    menu.setdefault(RECORDS, []).append(missing)
embedded = st.context.is_embedded  # ?embed=true: nothing but the page
present = presenting()
page = st.navigation(menu, position="hidden" if embedded or present else "top")
key = page.url_path or START
if key == START and OF_COMPARE & set(st.query_params):
    st.switch_page(PAGES["compare"].view, query_params=st.query_params.to_dict())
if key in PAGES:
    st.set_page_config(PAGES[key].title)
if present:
    st.html(HERE / "parts" / "present.css")
link.begin(key)
bar.begin(key)
save_page.begin()
body = st.container(key="body")
if not embedded:
    frame.footer(key)
with body:
    page.run()
    if key in PAGES and not present:
        save_page.save_page(key)
link.end()
