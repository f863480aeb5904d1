"""What is shown? One file a page: choices and what the core found -> a `Scene`; no streamlit, no torch."""

from dashboard.scenes.scene import Exhibit, Gallery, Part, Scene, Table, Try

__all__ = ["Exhibit", "Gallery", "Part", "Scene", "Table", "Try"]
