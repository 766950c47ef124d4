"""Genesys Cloud on a scripted HTTP server: logins just work, everything else is scripted."""

from genesys.client import LOGIN_PATH
from local.http.messages import Answer, Request
from local.http.server import HttpServer


class ScriptedGenesys:
    """Answers logins with `token-1`, `token-2` …, unless `logins` says otherwise."""

    def __init__(self, http: HttpServer) -> None:
        self.http = http
        self.logins: list[Answer] = []
        self.answers: list[Answer] = []
        self._tokens = 0
        http.respond = self._respond

    @property
    def asked(self) -> list[Request]:
        """What was asked beside logins."""
        return [asked for asked in self.http.asked if asked.path != LOGIN_PATH]

    @property
    def logged_in(self) -> list[Request]:
        return self.http.asked_for(LOGIN_PATH)

    def script(self, *answers: Answer) -> None:
        self.answers += answers

    def _respond(self, asked: Request) -> Answer:
        if asked.path != LOGIN_PATH:
            return self.answers.pop(0) if self.answers else Answer(599, reason="unscripted")
        self._tokens += 1
        usual = Answer(body={"access_token": f"token-{self._tokens}", "expires_in": 86400})
        return self.logins.pop(0) if self.logins else usual
