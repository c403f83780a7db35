"""String literals of Python, in the style of ruff's formatter."""


def quoted(text: str) -> str:
    """Return the literal of a text."""
    quote = "'" if '"' in text and "'" not in text else '"'
    if "\\" in text and text.isprintable() and quote not in text and not text.endswith("\\"):
        return f"r{quote}{text}{quote}"
    return f"{quote}{escaped(text, quote)}{quote}"


def escaped(text: str, quote: str) -> str:
    """Return the inside of a literal."""
    return "".join(_escape(character, quote) for character in text)


def _escape(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return "\\" + character
    return character if character.isprintable() else character.encode("unicode_escape").decode()
