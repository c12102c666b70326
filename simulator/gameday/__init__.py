"""A rehearsal in real time: its processes, its clockwork, what people see, and the verdict at its end."""
