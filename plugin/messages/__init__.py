"""Messages: from a template's blocks to a mail that was accepted, and what came back of it."""
