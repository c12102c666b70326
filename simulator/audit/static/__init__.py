"""Checks that need nothing but files: rules, contracts, dashboards and runbooks."""
