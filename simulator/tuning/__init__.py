"""Which numbers a rule should have: many simulated runs, every setting of the rule, what the policy asks, the edit."""
