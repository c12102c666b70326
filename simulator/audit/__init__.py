"""Audit rule files: what cannot fire, what weakens an alert, and what nobody would find who is paged."""
