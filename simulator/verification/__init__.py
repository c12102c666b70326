"""Scenarios as tests of rule files: which files are meant, what they came to, and how good the tests are."""
