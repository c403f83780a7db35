"""The operations of the language at run time: functions that generated code calls."""
