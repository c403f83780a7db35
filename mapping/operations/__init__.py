"""The operations of the language at run time."""
