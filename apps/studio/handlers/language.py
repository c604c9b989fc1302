"""The copywriter: the embedded language model, a model file on this computer, or a server whose key stays in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from adcreative.errors import AdCreativeError
from adcreative.pipeline import check_language_model, find_language_servers, list_language_models

from ..html import fragments
from .choices import Writer
from .one_ad import Handlers

EMBEDDED, FILE, SERVER = "embedded", "file", "server"
NO_SERVERS = "This page can be reached without a password, so it asks no other server. Whoever runs it can set a password."


@dataclass(frozen=True, kw_only=True)
class Languages:
    """The form of the language model. may_ask_servers: False on a public page, whose users could make this computer contact
    any address."""

    handlers: Handlers
    may_ask_servers: bool = True

    def files(self) -> list[str]:
        """Return the names of the available model files."""
        return list(list_language_models())

    def find_server(self) -> tuple[str, str]:
        """Return address and model of the first server found on this machine's usual ports; ("", "") on a public page."""
        found = find_language_servers() if self.may_ask_servers else {}
        address, _, model = next(iter(found.values()), "").partition("#")
        return address, model

    def save(
        self,
        owner: str,
        kind: str | None,
        file: str | None = "",
        address: str | None = "",
        model: str | None = "",
        key: str | None = "",
    ) -> tuple[str, dict[str, Any]]:
        """Use this model as the owner's copywriter once the model has answered a test; the key is kept in memory only.

        Args:
            kind: "embedded", "file" or "server". file: one of `files`. address: such as "http://localhost:11434/v1".
        """
        writers = self.handlers.choices.writers
        try:
            writer = self._find(kind, (file or "").strip(), (address or "").strip(), (model or "").strip(), (key or "").strip())
            said = "" if writer is None else check_language_model(writer.spec, key=writer.key)
        except AdCreativeError as error:
            return fragments.problem(error), {"error": str(error)}
        if writer is None:
            writers.pop(owner, None)
            return fragments.good("The one that comes with the app writes."), {"writes": EMBEDDED}
        writers[owner] = replace(writer, called=said)
        return self.say(owner), {"writes": said}

    def say(self, owner: str) -> str:
        """Return a fragment with the owner's copywriter; "" without a choice."""
        writer = self.handlers.choices.writers.get(owner)
        if writer is None:
            return ""
        return fragments.good(f"“{writer.called[:80]}” writes from now on, until you change it or delete everything.")

    def _find(self, kind: str | None, file: str, address: str, model: str, key: str) -> Writer | None:
        if kind == EMBEDDED:
            return None
        if kind == FILE:
            path = list_language_models().get(file)
            if path is None:
                raise AdCreativeError("Choose a file. Whoever runs this app puts language models into the folder named here.")
            return Writer(str(path))
        if kind != SERVER:
            raise AdCreativeError(f"Choose who writes: {EMBEDDED}, {FILE} or {SERVER}.")
        if not self.may_ask_servers:
            raise AdCreativeError(NO_SERVERS)
        if not address.casefold().startswith(("http://", "https://")):
            raise AdCreativeError("Say where the server is, such as http://localhost:11434/v1.")
        return Writer(address + (f"#{model}" if model else ""), key)
