"""Automations: enrol profiles and run their steps."""
