"""Rules of when a text or a call may go out: by law, by the operators, and by the shop."""
