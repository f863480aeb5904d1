"""What does Home show of the bundled pair? `python -m dashboard.record_home` asks it once, so that Home needs no torch."""

from __future__ import annotations

from dashboard import serving
from dashboard.serving.home import NETWORKS, PHOTOGRAPH, recorded
from resnet_core.inspection.recorded import save_inspection


def main() -> None:
    """Write both networks' answers to the photograph beside their weights."""
    photograph, says = serving.sample_photograph(PHOTOGRAPH), [serving.checkpoint(name) for name in NETWORKS]
    target = serving.most_probable(NETWORKS[1], photograph)  # of the residual one, whose classes are its twin's
    found = serving.inspections(NETWORKS, photograph, (target, target))
    for name, checkpoint, inspection in zip(NETWORKS, says, found, strict=True):
        facts = {"classes": list(checkpoint.labels), "note": checkpoint.note, "data": checkpoint.data, "run": checkpoint.run}
        save_inspection(recorded(name), inspection, photograph=PHOTOGRAPH, **facts)


if __name__ == "__main__":
    main()
