"""Scenarios: their schema, their files, and their timeline of conditions."""
