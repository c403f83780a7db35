"""`python -m headrace`: the command without an installed script."""

from headrace.cli import main

if __name__ == "__main__":
    main()
