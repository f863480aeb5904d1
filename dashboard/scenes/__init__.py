"""What is shown? One file a page: choices and what the core found -> a `Scene`; no streamlit, no torch."""

from dashboard.scenes.exhibit import Exhibit, Gallery, Part, Table
from dashboard.scenes.scene import Scene, Try

__all__ = ["Exhibit", "Gallery", "Part", "Scene", "Table", "Try"]
