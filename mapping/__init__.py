"""The mapping language: rules on which part of an event fills which field of the record. Mappings import its names from here."""

from typing import TYPE_CHECKING

from cleaning.click_ids import CLICK_IDS as CLICK_IDS
from cleaning.click_ids import CLICK_MARKS as CLICK_MARKS
from mapping.dsl.functions import *  # noqa: F403
from mapping.dsl.geography import *  # noqa: F403
from mapping.dsl.inputs import *  # noqa: F403
from mapping.dsl.statements import *  # noqa: F403

if not TYPE_CHECKING:  # type checkers take the names from the imports
    from mapping.dsl.names import NAMES as __all__  # noqa: F401, N811
