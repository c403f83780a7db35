"""What the command tells instead of a traceback."""


class CommandError(Exception):
    """The operator can mend it; the text says what, where, and what would be right. Exit status 2."""
