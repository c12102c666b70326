"""The sync system without I/O: state machines that take `now` and a message, and give effects."""
