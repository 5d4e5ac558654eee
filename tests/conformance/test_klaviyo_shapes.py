"""Our definitions are Klaviyo's published JSON: the models of its own SDK read them."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK's own deprecations
    from openapi_client.models.flow_definition import FlowDefinition
    from openapi_client.models.version import Version

from plugin.flows.library import abandoned_checkout, welcome
from plugin.forms.library import welcome_popup


@pytest.mark.parametrize("definition", [welcome(1, 2), abandoned_checkout(1, 2)])
def test_ready_flows_are_klaviyo_flow_definitions(definition):
    read = FlowDefinition.from_dict(definition)

    assert read is not None
    assert read.to_dict()["actions"] == definition["actions"]


def test_the_ready_form_is_a_klaviyo_form_version():
    read = Version.from_dict(welcome_popup())

    assert read is not None
    assert len(read.steps) == 3
