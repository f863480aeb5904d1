"""Home: the story in six exhibits, each with its sentence and the way to its page."""

from dashboard import serving
from dashboard.parts.show import begin

page = begin("home")
page.show(serving.home_scene(), in_sight=6)
