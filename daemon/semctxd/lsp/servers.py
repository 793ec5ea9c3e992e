"""The language servers of one workspace: which session answers for a language, a server and an environment."""

from __future__ import annotations

import os
from collections.abc import Iterator

from semctx.errors import SemctxError
from semctxd.config.schema import Config, sessions
from semctxd.config.settings import Settings
from semctxd.errors import ServerUnavailable
from semctxd.lsp.interpreter import Environment, is_settled, resolve
from semctxd.lsp.registry import choose, command_line, registry
from semctxd.lsp.session import Host, LspSession


class Servers:
    """Sessions by identity: workspace, server and interpreter. Iterating gives each once. Lives on the loop."""

    def __init__(self, host: Host, settings: Settings) -> None:
        self.generation = 0  # raised when who answers a question may be another
        self.unserved: dict[str, str] = {}  # language -> why its configured server cannot be had
        self._host = host
        self._settings = settings
        self._begun_by: object = None
        self._sessions: dict[str, LspSession] = {}
        self._chosen: dict[tuple[str, str, Environment], LspSession] = {}

    def __iter__(self) -> Iterator[LspSession]:
        return iter(tuple(self._sessions.values()))

    def reroute(self) -> None:
        """Who answers a question may be another from now on."""
        self.generation += 1
        self._chosen.clear()

    def configured(self) -> Config:
        """The configuration. Where it is another than it was, every session begun by that one ends for good."""
        config = self._settings.config
        if sessions(config) != self._begun_by:
            self._begun_by = sessions(config)
            self.reroute()
            for session in self:
                del self._sessions[session.identity]
                self._host.spawn(session.retire)
        return config

    def session(self, language: str, server: str, env: Environment) -> LspSession:
        """The session for a client of that environment; started by the first question.

        Raises UnknownServer, or ServerUnavailable where the program is not installed. For a language's configured
        server, `unserved` holds the reason until it can be had.
        """
        try:
            chosen = self._chosen.get((language, server, env)) or self._choose(language, server, env)
        except SemctxError as error:
            if not server:
                self.unserved[language] = error.message
            raise
        self.unserved.pop(language, None)
        return chosen

    def _choose(self, language: str, server: str, env: Environment) -> LspSession:
        config, root = self.configured(), self._host.root
        default = config.languages[language].server if language in config.languages else ""
        name, entry = choose(language, server or default)
        if config.python.interpreter and not os.access(config.python.interpreter, os.X_OK):
            raise ServerUnavailable(f"[python] interpreter: {config.python.interpreter} cannot be executed")
        interpreter = resolve(root, config.python.interpreter, env.variables())
        override = config.servers[name].command if name in config.servers else None
        identity = "\0".join((root, name, interpreter, *(override or ())))
        chosen = self._sessions.get(identity)
        if chosen is None:
            chosen = self._sessions[identity] = LspSession(
                name,
                command_line(name, entry, list(override) if override else None),
                entry,
                identity=identity,
                language_id=registry().languages[language].language_id,
                interpreter=interpreter,
                host=self._host,
            )
        if is_settled(root, interpreter):
            self._chosen[language, server, env] = chosen
        else:
            self.generation += 1
        return chosen
