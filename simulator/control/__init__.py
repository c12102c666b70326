"""Steering a live system: the controller, its leases, and the ways to it: HTTP, a pipe, and MQTT."""
