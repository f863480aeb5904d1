"""What did a training do? Run directories: written by one `Run`, read as typed facts and as one tidy table. Knows no network."""

from resnet_core.runs.facts import LARGEST_JSON, RunFacts, read_facts, read_run
from resnet_core.runs.run import LOCK, Run, write_facts
from resnet_core.runs.table import (
    LARGEST_TABLE,
    METRIC_COLUMNS,
    final_errors,
    find,
    load,
    mean_final_errors,
    measured,
    read_metrics,
    results,
    together,
    write_measured,
    write_metrics,
)

__all__ = [
    "LARGEST_JSON",
    "LARGEST_TABLE",
    "LOCK",
    "METRIC_COLUMNS",
    "Run",
    "RunFacts",
    "final_errors",
    "find",
    "load",
    "mean_final_errors",
    "measured",
    "read_facts",
    "read_metrics",
    "read_run",
    "results",
    "together",
    "write_facts",
    "write_measured",
    "write_metrics",
]
