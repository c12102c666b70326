"""What a rehearsal leaves for people and machines: journal, verdict, report."""
