"""How many examples a property is asked for."""

from hypothesis import HealthCheck, settings

# `example` (conftest.py) begins each one anew, so that one fixture does for all of them.
thousand = settings(
    max_examples=1_000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
