"""`python -m simulator` is `syncstorm`."""

from simulator.cli import main

main()
