"""The commands of the live system, each family in a module; `simulator/cli.py` adds them to the command line."""
