"""Click ids in the URL of a landing page: the names that are kept, and the removal of values for visitors who opt out."""

import re
from typing import Final

# Ids of advertisers for single clicks: only the advertiser can link them to a person.
CLICK_IDS: Final = (
    "gclid",
    "gbraid",
    "wbraid",
    "dclid",
    "fbclid",
    "msclkid",
    "ttclid",
    "twclid",
    "li_fat_id",
    "yclid",
    "ysclid",
    "epik",
    "sccid",
    "rdt_cid",
    "qclid",
    "tblci",
    "dicbo",
    "irclickid",
    "irclid",
    "awc",
    "cjevent",
    "srsltid",
    "igshid",
    "igsh",
    "mc_cid",
    "_kx",
)
CLICK_MARKS: Final = ("gad_source", "gclsrc")  # the same for all clicks of a kind; they replace an id that was removed
# Ids of the recipient of a newsletter, or of a browser: they identify a person to the site itself. No stored URL has their values.
PERSONAL_IDS: Final = (
    *("mc_eid", "_kx", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking", "vero_id", "oly_enc_id", "oly_anon_id"),
    *("__s", "ml_subscriber", "ml_subscriber_hash", "vgo_ee", "wickedid", "_bta_tid", "_gl", "_ga", "_gac", "fbc", "fbp", "_fbc", "_fbp"),
    *("_openstat", "s_kwcid", "ef_id", "rb_clickid", "auctid", "ob_click_id", "outbrainclickid", "click_id", "clickid"),
)

KEPT: Final = frozenset((*CLICK_IDS, *CLICK_MARKS))
NAME_ONLY: Final = frozenset(CLICK_IDS) & frozenset(PERSONAL_IDS)  # the name alone determines the channel
_NAMES: Final = frozenset((*CLICK_IDS, *PERSONAL_IDS))
_END: Final = "%(?:25)*(?:26|23)"  # an & or #, encoded any number of times
_BEFORE: Final = "(?:(?<![A-Za-z0-9_-])|(?<=3F)|(?<=26)|(?<=2F)|(?<=23)|(?<=3B))"  # a delimiter, which may be encoded too
_NAME: Final = "|".join(sorted(_NAMES, key=len, reverse=True))
_VALUE: Final = re.compile(rf"{_BEFORE}({_NAME})(?:=|%(?:25)*3D)(?:(?!{_END})[^&#;\s\"'<>])+", re.IGNORECASE)


def without_values(text: str) -> str:
    """Remove the values of identifiers from a URL, including URLs that are encoded within it; the names stay."""
    return _VALUE.sub(r"\1=", text) if "=" in text or "%" in text else text


def without_values_json(value: object) -> object:
    """Remove the values of identifiers from a JSON value: from members with such names, and from URLs."""
    if isinstance(value, str):
        return without_values(value)
    if isinstance(value, dict):
        return {name: "" if name.lower() in _NAMES else without_values_json(inner) for name, inner in value.items()}
    return [without_values_json(inner) for inner in value] if isinstance(value, list) else value
