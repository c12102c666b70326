"""A rule file of somebody's own: an alert that refusals fire, and one that they do not."""

RULES = """
groups:
  - name: mine
    rules:
      - alert: Refused
        expr: sum(rate(openagents_runtime_sync_socket_auth_count{status="error"}[2m])) > 0.05
        for: 1m
      - {alert: TimedOut, expr: 'sum(rate(openagents_runtime_sync_socket_timeout_count[2m])) > 5'}
"""
