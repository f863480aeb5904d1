"""The whole site on one screen: settings of all pages, and the pages."""

import streamlit as st

from dashboard.lecture import bar, save_page
from dashboard.pages import PAGES, START
from dashboard.parts import link

st.set_page_config("ResNet Lens", page_icon="🔍", layout="wide", initial_sidebar_state="collapsed")
# Streamlit leaves a hand's breadth free above a page, which a lecture hall needs for the figures.
st.html("""<style>
    .stMainBlockContainer { padding: 3.2rem 2.5rem 2rem }
    @media (max-width: 640px) {
        .stMainBlockContainer { padding-inline: 1rem }
        .stTable :is(td, th) { padding: .25rem; font-size: .75rem; overflow-wrap: anywhere }
    }
    .stMain h1 { font-size: 1.9rem; padding: .4rem 0 }
    .answer { font-size: 1.3rem; line-height: 1.4; margin: 0 }
    .notice { border-left: 4px solid var(--st-primary-color, #1B7FC4); padding-left: .7rem; margin: 0 }
    .message { font-size: 1.05rem; font-weight: 600; margin: 0 }
    .limit { margin: 0 }
    .stMain h3 { font-size: 1.35rem; padding: .3rem 0 }
</style>""")
pages = [
    st.Page(page.view, title=page.name, icon=f":material/{page.icon}:", default=page.key == START) for page in PAGES.values()
]
embedded = st.context.is_embedded  # presenter mode, ?embed=true: nothing but the page
page = st.navigation(pages, position="hidden" if embedded else "top")
link.begin()
key = page.url_path or START
bar.begin(key)
save_page.begin()
page.run()
save_page.save_page(key)
