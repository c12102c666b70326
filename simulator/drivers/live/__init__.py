"""The live driver: real sockets, real time, the same core."""
