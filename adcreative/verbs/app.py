"""Start the web app: access control and serving. Imports gradio only when asked to serve."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from platformdirs import user_data_dir

from adcreative.errors import ConfigError
from adcreative.options import takes
from adcreative.verbs.settings import AppSettings
from adcreative.verbs.studio import Studio


@takes(AppSettings)
def launch_app(studio: Studio, settings: AppSettings) -> None:
    """Serve the web app until interrupted.

    Args:
        settings: address, access and storage; fields may be given as keywords.
    Raises:
        ConfigError: `workspace` cannot be used as a workspace, or is given with `private`; gradio is not installed; the
            password file cannot be read or does not hold user:password.
    """
    if find_spec("gradio") is None:
        raise ConfigError('the app needs gradio; install it with: pip install "adcreative[app]"')
    if settings.mcp and find_spec("mcp") is None:
        raise ConfigError('tools for agents need the package mcp; install it with: pip install "adcreative[app]"')
    credentials = read_credentials(settings.auth, settings.auth_file)
    name = "adcreative._studio" if find_spec("adcreative._studio") else "apps.studio"
    launch = import_module(f"{name}.launch").launch
    launch(
        studio,
        host=settings.host,
        port=settings.port,
        auth=credentials,
        allowed_hosts=tuple(settings.allowed_hosts),
        mcp=settings.mcp,
        workspace=find_workspace(settings),
    )


def find_workspace(settings: AppSettings) -> Path | None:
    """Return the folder in which the app stores work; None: each visit is kept in memory and cannot see other visits.

    Raises:
        ConfigError: `private` is given with a workspace.
    """
    if settings.private and settings.workspace is not None:
        raise ConfigError("--private keeps nothing, so it has no --workspace; leave one of them out")
    is_reached = settings.host not in ("localhost", "127.0.0.1", "::1") or bool(settings.allowed_hosts)
    if settings.workspace is not None or settings.private or is_reached:
        return settings.workspace
    return Path(user_data_dir("adcreative", appauthor=False)) / "workspace"


def read_credentials(auth: str | None, auth_file: Path | None) -> tuple[str, str] | None:
    """Return user and password from `auth`, else from the first line of `auth_file`; None without either.

    Raises:
        ConfigError: the file cannot be read, or there is no user:password; the message shows neither.
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
