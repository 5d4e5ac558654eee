"""The way in: turn webhooks and browser events into profiles, events and records."""
