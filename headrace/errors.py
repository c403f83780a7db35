"""The error that a command reports instead of a traceback."""


class CommandError(Exception):
    """An error that the operator can fix; the text names the error, its place and the remedy. Exit status 2."""
