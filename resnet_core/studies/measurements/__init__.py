"""What do the studies ask of a network, trained or new? A file a measurement, whose `measure` returns a tidy table.

The rows of studies/catalogue.py name the files and what their columns hold; dashboard/figures/studies/ draws.
"""
