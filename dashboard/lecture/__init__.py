"""What does a lecturer need? Tours over the pages, the bar that leads through them, and hand-outs."""
