"""Automations: who enters, what each step does."""
