"""The app's door: who may come in, and the page that is served. Loads gradio only when asked to serve."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from adcreative.errors import ConfigError
from adcreative.verbs.studio import Studio


def launch_app(
    studio: Studio,
    *,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: str | None = None,
    auth_file: Path | None = None,
    allowed_hosts: Sequence[str] = (),
    mcp: bool = False,
) -> None:
    """Serve the web app until interrupted.

    Args:
        auth: user:password; without it the first line of `auth_file`. Neither is ever shown.
        mcp: offer score, check, explain, improve, plan and read-out as tools to agents (Model Context Protocol); approving and
            packing stay with a person.
        allowed_hosts: further names that lead to the app, such as that of a proxy; requests under any other are refused.
    Raises:
        ConfigError: gradio is not installed, or the password file cannot be read, or what it says is not user:password.
    """
    if find_spec("gradio") is None:
        raise ConfigError('the app needs gradio; install it with: pip install "adcreative[app]"')
    if mcp and find_spec("mcp") is None:
        raise ConfigError('tools for agents need the package mcp; install it with: pip install "adcreative[app]"')
    credentials = read_credentials(auth, auth_file)
    name = "adcreative._studio" if find_spec("adcreative._studio") else "apps.studio"
    launch = import_module(f"{name}.launch").launch
    launch(studio, host=host, port=port, auth=credentials, allowed_hosts=tuple(allowed_hosts), mcp=mcp)


def read_credentials(auth: str | None, auth_file: Path | None) -> tuple[str, str] | None:
    """Return user and password, from `auth` or else from the first line of `auth_file`; None without either.

    Raises:
        ConfigError: the file cannot be read, or there is no user:password; the sentence shows neither.
    """
    source = "--auth (or ADCREATIVE_AUTH)"
    if auth is None and auth_file is not None:
        source = f"the first line of {auth_file}"
        try:
            auth = (Path(auth_file).read_text(encoding="utf-8-sig").splitlines() or [""])[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"--auth-file {auth_file} cannot be read as text. Check the path and who may read it.") from error
    if auth is None:
        return None
    user, _, password = auth.partition(":")
    if not user or not password or not auth.isprintable():
        raise ConfigError(f"{source} must be user:password, both not empty and without control characters.")
    return user, password
