"""The command `resnet-lens`: the core's commands, and `dashboard`, which the core must not know."""

from __future__ import annotations

from dashboard.__main__ import serve_command
from resnet_core.cli import main as core

core.app.command("dashboard")(serve_command)
main = core.main
