"""The former name of `mapping`, for the mapping files of sites that import the language from here."""

import warnings

from mapping import *  # noqa: F403
from mapping.dsl.names import NAMES as __all__  # noqa: F401, N811

warnings.warn("import from mapping, not from collector.mapping", DeprecationWarning, stacklevel=2)
