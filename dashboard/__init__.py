"""The dashboard: a person chooses in the browser, the core answers, a figure is drawn."""
