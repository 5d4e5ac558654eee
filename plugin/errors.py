"""Errors: one tree for what persons meet; beside it, what only our own code catches.

A `RegularsError` is a sentence for a merchant or an operator: pages show it, commands print it.
Errors of storage are not in this tree, for storage knows nothing above it: `runtime.connect` puts
them in such a sentence. Errors that end a step of ours and reach no person stand beside that step.
"""


class RegularsError(Exception):
    """Something went wrong that a person can mend. `status` is what the web answers."""

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
