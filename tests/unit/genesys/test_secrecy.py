"""No error shows the secret or a token, whatever the server echoes."""

import traceback
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genesys.client import LOGIN_PATH, GenesysClient
from genesys.credentials import Credentials
from genesys.errors import GenesysError, NotAsSpecified
from genesys.subscriptions import Subscriptions, SubscriptionSpec
from local.http.messages import Answer, Request
from local.http.server import HttpServer
from tests.fakes.clock import Clock

# Long enough not to be part of our own messages by chance.
SECRETS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=12, max_size=40).map(
    lambda text: f"<{text}>"
)
TOKENS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=12, max_size=40)
STATUSES = st.sampled_from([302, 400, 401, 403, 404, 409, 418, 429, 500, 503])
# The places of a response where a server may echo a request.
ECHOES: dict[str, Callable[[str, int], Answer]] = {
    "message": lambda text, status: Answer(status, {"message": text}),
    "spaced": lambda text, status: Answer(status, {"message": text.replace(" ", " \r\n ")}),
    "oauth": lambda text, status: Answer(status, {"error": text, "description": text}),
    "nested": lambda text, status: Answer(status, {"message": {"was": [text]}, "code": text}),
    "html": lambda text, status: Answer(status, f"<p>{text}</p>".encode()),
    "reason": lambda text, status: Answer(status, b"", reason=text),
    "header": lambda text, status: Answer(
        status, {}, {"ININ-Correlation-Id": text, "Retry-After": text}
    ),
    "location": lambda text, status: Answer(status, {}, {"Location": f"http://[{text}"}),
    "list": lambda text, _: Answer(200, {"entities": text, "pageCount": text}),
    "text": lambda text, _: Answer(200, text.encode()),
    "cut": lambda text, _: Answer(200, text.encode(), fate="cut"),
}


def shown(error: BaseException) -> str:
    """Return everything that a log could show of an error."""
    return f"{error}\n{error!r}\n{''.join(traceback.format_exception(error))}"


@given(
    secret=SECRETS,
    tokens=st.tuples(TOKENS, TOKENS),
    echo=st.sampled_from(sorted(ECHOES)),
    around=st.text(st.characters(codec="latin-1", categories=["L", "N", "Zs"]), max_size=5),
    status=STATUSES,
    at_login=st.booleans(),
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE"]),
)
@settings(max_examples=60)
def test_no_error_shows_a_secret(
    *,
    server: HttpServer,
    secret: str,
    tokens: tuple[str, str],
    echo: str,
    around: str,
    status: int,
    at_login: bool,
    method: str,
) -> None:
    echoed = around.join([secret, quote_plus(secret), quote(secret), *tokens, ""])
    given_out: list[str] = []

    def respond(request: Request) -> Answer:
        if request.path == LOGIN_PATH and len(given_out) < 2 and not at_login:
            given_out.append(tokens[len(given_out)])
            return Answer(body={"access_token": given_out[-1], "expires_in": 60})
        return ECHOES[echo](echoed, status)

    server.reset()
    server.respond = respond
    clock = Clock()
    credentials = Credentials("the-id", secret)
    client = GenesysClient(server.url, server.url, credentials, clock.deadline(3), clock)
    try:
        list(client.iterate_entities("/x")) if echo == "list" else client.request(
            method, "/x", body={}
        )
    except GenesysError as error:
        text = shown(error)
        for hidden in (secret, quote_plus(secret), *given_out):
            assert hidden not in text
    else:
        pytest.fail("an error was expected")


@given(token=st.text(min_size=12, max_size=40))
@settings(max_examples=30)
def test_a_token_that_fits_no_header_is_not_shown(server: HttpServer, token: str) -> None:
    server.reset()
    server.respond = lambda request: (
        Answer(body={"access_token": f"{token}\n", "expires_in": 60})
        if request.path == LOGIN_PATH
        else Answer(400, {"message": token})
    )
    clock = Clock()
    client = GenesysClient(
        server.url, server.url, Credentials("i", "the-s3cret"), clock.deadline(3), clock
    )
    with pytest.raises(GenesysError, match="has no token") as caught:
        client.request("GET", "/x")
    assert token not in str(caught.value)


def test_a_replaced_token_is_not_shown(client: GenesysClient, api: Any) -> None:
    echo = Answer(401, {"message": "neither token-1 nor token-2 nor the-s3cret will do"})
    api.script(echo, echo)
    with pytest.raises(GenesysError) as caught:
        client.request("GET", "/x")
    assert caught.value.message == "neither … nor … nor … will do"


def test_a_subscription_that_quotes_secrets_does_not_reveal_them(
    client: GenesysClient, api: Any, clock: Clock
) -> None:
    spec = SubscriptionSpec("n", "d", ("e",), "f", "arn", "eu-west-1")
    api.script(*[Answer(body=spec.body() | {"status": "token-1 the-s3cret"})] * 20)
    with pytest.raises(NotAsSpecified) as caught:
        Subscriptions(client).wait_until_matches("7", spec, clock.deadline(5))
    assert "token-1" not in shown(caught.value)
    assert "the-s3cret" not in shown(caught.value)
