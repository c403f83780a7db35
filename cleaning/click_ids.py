"""Identifiers that others put into the address of a landing page: which are kept, and how their values are left out for who says no."""

import re
from typing import Final

# Of advertisers, for one click each: none names a person to anyone but the advertiser.
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
CLICK_MARKS: Final = ("gad_source", "gclsrc")  # the same for all clicks of a kind; they stand in for an id that was left out
# Of who received a letter, or of a browser: they stand for one person to the site itself. No address of a page or link keeps their values.
PERSONAL_IDS: Final = (
    *("mc_eid", "_kx", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp", "hsctatracking", "vero_id", "oly_enc_id", "oly_anon_id"),
    *("__s", "ml_subscriber", "ml_subscriber_hash", "vgo_ee", "wickedid", "_bta_tid", "_gl", "_ga", "_gac", "fbc", "fbp", "_fbc", "_fbp"),
    *("_openstat", "s_kwcid", "ef_id", "rb_clickid", "auctid", "ob_click_id", "outbrainclickid", "click_id", "clickid"),
)

KEPT: Final = frozenset((*CLICK_IDS, *CLICK_MARKS))
NAME_ONLY: Final = frozenset(CLICK_IDS) & frozenset(PERSONAL_IDS)  # whose name tells the channel
_NAMES: Final = frozenset((*CLICK_IDS, *PERSONAL_IDS))
_END: Final = "%(?:25)*(?:26|23)"  # an & or #, encoded however often
_BEFORE: Final = "(?:(?<![A-Za-z0-9_-])|(?<=3F)|(?<=26)|(?<=2F)|(?<=23)|(?<=3B))"  # a sign, which may be encoded too
_NAME: Final = "|".join(sorted(_NAMES, key=len, reverse=True))
_VALUE: Final = re.compile(rf"{_BEFORE}({_NAME})(?:=|%(?:25)*3D)(?:(?!{_END})[^&#;\s\"'<>])+", re.IGNORECASE)


def without_values(text: str) -> str:
    """Leave out the values of identifiers in an address, also in one that stands encoded within it; their names stay."""
    return _VALUE.sub(r"\1=", text) if "=" in text or "%" in text else text


def without_values_json(value: object) -> object:
    """Leave out the values of identifiers in a JSON value: those of members named so, and those in addresses."""
    if isinstance(value, str):
        return without_values(value)
    if isinstance(value, dict):
        return {name: "" if name.lower() in _NAMES else without_values_json(inner) for name, inner in value.items()}
    return [without_values_json(inner) for inner in value] if isinstance(value, list) else value
