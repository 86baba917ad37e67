"""``python -m patronage COMMAND key=value ...``: the program ``patronage``."""

from patronage.cli import main

if __name__ == "__main__":
    main()
