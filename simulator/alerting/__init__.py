"""What judges a run: rule files, a private Prometheus, alert states and their certification."""
