"""Texts as Python writes them, in the style of ruff's formatter."""


def quoted(text: str) -> str:
    """Write a text."""
    quote = "'" if '"' in text and "'" not in text else '"'
    if "\\" in text and text.isprintable() and quote not in text and not text.endswith("\\"):
        return f"r{quote}{text}{quote}"
    return f"{quote}{escaped(text, quote)}{quote}"


def escaped(text: str, quote: str) -> str:
    """Write the inside of a text."""
    return "".join(_escape(character, quote) for character in text)


def _escape(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return "\\" + character
    return character if character.isprintable() else character.encode("unicode_escape").decode()
