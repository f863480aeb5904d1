"""About: what the program is, and what it rests on."""

from dashboard import serving
from dashboard.parts.show import begin
from dashboard.scenes.records import about

studies, answers = serving.studies().values(), serving.answers().values()
runs = sum(len(study.facts) for study in studies) + sum(len(study.facts) for study in answers)
begin("about").show(about(len(studies) + len(answers), runs))
