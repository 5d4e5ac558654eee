"""The commands that an operator types; nothing else imports this room."""
