"""From a recording of an incident to a scenario whose virtual rehearsal follows it."""
