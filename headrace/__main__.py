"""`python -m headrace`: the command, where it is not installed."""

from headrace.cli import main

if __name__ == "__main__":
    main()
