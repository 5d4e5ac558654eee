"""What messages earned, and counts of large shops (docs/decisions/0011)."""
