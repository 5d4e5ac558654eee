"""The channels that a message can take: one folder each, and one error."""
