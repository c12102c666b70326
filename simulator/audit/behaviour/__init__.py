"""What rules do when the system fails: measured with Prometheus on series of our making and on simulated runs."""
