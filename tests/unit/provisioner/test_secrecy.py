"""Neither a response to CloudFormation nor the log shows a secret."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.genesys.login import CLIENT_SECRET
from local.genesys.stand_in import GenesysCloud
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from tests.fakes.aws.cloudformation import RESPONSE_URL, CloudFormation
from tests.fakes.aws.partner_events import FakePartnerEventSources
from tests.fakes.aws.secrets_manager import FakeSecrets
from tests.fakes.clock import Clock
from tests.fakes.deliveries import DELIVERIES


@given(
    resource_type=st.sampled_from([delivery.resource_type for delivery in DELIVERIES]),
    operation=st.sampled_from(["login", "list", "create", "configuration", "read", "delete"]),
    status=st.sampled_from([200, 302, 400, 401, 403, 404, 409, 500]),
    text=st.text(max_size=20),
    key=st.sampled_from(["message", "description", "error", "status", "eventTypes"]),
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_neither_a_response_nor_the_log_shows_a_secret(
    *,
    secrets: FakeSecrets,
    http: HttpServer,
    resource_type: str,
    operation: str,
    status: int,
    text: str,
    key: str,
) -> None:
    clock = Clock()
    genesys = GenesysCloud(clock=clock)

    def respond(request: Request) -> Answer:
        if genesys.operation_of(request) != operation:
            return genesys(request)
        echo = f"{text}{CLIENT_SECRET}{text}{request.headers.get('Authorization')}"
        return Answer(status, {key: echo}, {"ININ-Correlation-Id": CLIENT_SECRET})

    http.respond = respond
    eventbridge = FakePartnerEventSources(clock)
    stack = CloudFormation(http.url, clock, secrets, eventbridge, resource_type)
    responses: list[Any] = [stack.create(), stack.delete()]
    shown = repr(responses) + stack.log + str([response.body({}) for response in responses])
    for hidden in (CLIENT_SECRET, RESPONSE_URL, *genesys.tokens):
        assert hidden not in shown
