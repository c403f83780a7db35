"""The names of the language, for star imports and for the suggestions in error messages."""

from typing import Final

from mapping.dsl import functions, geography, statements
from mapping.dsl.input_specs import INPUTS

_INPUTS = [spec.function for spec in INPUTS.values() if spec.function]
NAMES: Final = sorted(("CLICK_IDS", "CLICK_MARKS", *_INPUTS, *functions.__all__, *geography.__all__, *statements.__all__))
