"""The command `headrace`: runs all services of one machine, and the tools of an operator."""
