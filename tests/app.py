"""The whole command line, made once for all tests."""

from simulator.cli import make_app

app = make_app()
