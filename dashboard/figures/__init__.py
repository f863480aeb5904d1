"""Pure functions: plain data in, Plotly figure out."""
