"""Flows: their list, tree and preview."""
