"""A WebSocket sync-channel fault simulator that fires real Prometheus alerts."""

__version__ = "0.1.0"
