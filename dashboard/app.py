"""The whole site on one screen: settings of all pages, and the pages."""

import streamlit as st

from dashboard.parts.figure_card import bring_plotly

st.set_page_config("ResNet Lens", page_icon="🔍", layout="wide", initial_sidebar_state="collapsed")
# Streamlit leaves a hand's breadth free above a page, which a lecture hall needs for the figures.
st.html("""<style>
    .stMainBlockContainer { padding: 3.2rem 2.5rem 2rem }
    @media (max-width: 640px) {
        .stMainBlockContainer { padding-inline: 1rem }
        .stTable :is(td, th) { padding: .25rem; font-size: .75rem; overflow-wrap: anywhere }
    }
    .stMain h1 { font-size: 1.9rem; padding: .4rem 0 }
    .stMain h3 { font-size: 1.35rem; padding: .3rem 0 }
    .st-key-plotly { position: absolute; visibility: hidden; width: 100px; height: 0; overflow: hidden }
</style>""")
pages = [
    st.Page("views/compare.py", title="Compare", icon=":material/compare:", default=True),
    st.Page("views/predictions.py", title="Predictions", icon=":material/photo_library:"),
    st.Page("views/feature_maps.py", title="Feature maps", icon=":material/grid_view:"),
    st.Page("views/attribution.py", title="Attribution", icon=":material/filter_center_focus:"),
    st.Page("views/gradient_flow.py", title="Gradient flow", icon=":material/waves:"),
    st.Page("views/degradation.py", title="Degradation", icon=":material/stacked_line_chart:"),
    st.Page("views/train_live.py", title="Train live", icon=":material/sprint:"),
    st.Page("views/architectures.py", title="Architectures", icon=":material/account_tree:"),
    st.Page("views/studies.py", title="Studies", icon=":material/science:"),
]
embedded = st.context.is_embedded  # presenter mode, ?embed=true: nothing but the page
st.navigation(pages, position="hidden" if embedded else "top").run()
bring_plotly()
