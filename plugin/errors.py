"""Errors: one tree; each message is a sentence for the person who meets it."""


class RegularsError(Exception):
    """Something went wrong that a person can mend. `status` is what the web answers."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
