"""Errors for people, in one tree.

A `RegularsError` is a sentence for a merchant or an operator: pages show it, commands print it.
Errors of storage are not in this tree, since storage imports nothing above it: `runtime.connect`
translates them. Errors that only our own code catches stand beside the code that raises them.
"""


class RegularsError(Exception):
    """An error that a person can fix. `status` is the HTTP status of the answer."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class MalformedError(RegularsError):
    """What was sent to us makes no sense; the message says which field, for a merchant to see."""

    def __init__(self, message: str) -> None:
        super().__init__(message, 422)


class ConcurrentChangeError(Exception):
    """Another process moved the row on meanwhile: what we did is not kept, and theirs stands."""
