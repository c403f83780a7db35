"""The names of the language, for star imports and for the suggestions in error messages."""

from typing import Final

from mapping.dsl import functions, geography, inputs, statements

NAMES: Final = sorted(("CLICK_IDS", "CLICK_MARKS", *inputs.FUNCTIONS, *functions.__all__, *geography.__all__, *statements.__all__))
