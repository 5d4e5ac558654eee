"""Our definitions are Klaviyo's published JSON: the models of its own SDK read them."""

import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK's own deprecations
    from openapi_client.models.flow_definition import FlowDefinition
    from openapi_client.models.version import Version

from plugin.flows.library import FLOWS
from plugin.forms.library import FORMS
from plugin.templates.library import MAILS


@pytest.mark.parametrize("key", FLOWS)
def test_ready_flows_are_klaviyo_flow_definitions(key):
    templates = {name: number for number, name in enumerate(MAILS)}
    definition = FLOWS[key].definition_with(list_id=1, templates=templates)

    read = FlowDefinition.from_dict(definition)

    assert read is not None
    assert read.to_dict()["actions"] == definition["actions"]


@pytest.mark.parametrize("key", FORMS)
def test_ready_forms_are_klaviyo_form_versions(key):
    read = Version.from_dict(FORMS[key].version())

    assert read is not None
    assert len(read.steps) == 3
