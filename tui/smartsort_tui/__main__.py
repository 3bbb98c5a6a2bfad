"""`python -m smartsort_tui`."""

from smartsort_tui.cli import main

main()
