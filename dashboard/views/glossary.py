"""Glossary: every term of the field, in two sentences."""

from dashboard.parts.show import begin
from dashboard.scenes.records import glossary

begin("glossary").show(glossary())
