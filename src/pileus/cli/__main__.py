"""`python -m pileus.cli`."""

from . import main

main()
