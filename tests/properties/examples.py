"""How many examples a property is asked for: by `make faults` all, among all tests a fifth."""

from hypothesis import HealthCheck, settings

from tests.sizes import size

# `example` (conftest.py) begins each one anew, so that one fixture does for all of them.
many_examples = settings(
    max_examples=size(200, 1_000),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
