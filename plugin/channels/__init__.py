"""The channels that a message can take: one folder each, their registry, and one error."""
