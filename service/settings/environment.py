"""Reads the settings from HEADWATER_* variables."""

import difflib
import logging
import re
from collections.abc import Iterator, Mapping

from pydantic import ValidationError
from pydantic_settings import EnvSettingsSource

from service.errors import Invalid, Problem
from service.settings import PREFIX, Settings

_SECRET_VALUE = re.compile(r"HEADWATER_SECRET_\w+")
# Kubernetes describes every Service of a namespace to its pods in variables of these names and values.
_SERVICE_LINK = re.compile(r"HEADWATER_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")
# What the commands read beside the settings.
_OTHER_VARIABLES = frozenset({"HEADWATER_API_KEY"})
logger = logging.getLogger(__name__)


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that `environ` asks for.

    Raises Invalid with one problem per wrong variable. A HEADWATER_* variable that no setting has is a problem when it
    looks like a misspelt one, else a warning in the log.
    """
    known = {variable(field): field for field in Settings.model_fields}
    links = {name for name, value in environ.items() if name in known and _SERVICE_LINK_VALUE.match(value)}
    given = {name: value for name, value in environ.items() if name.startswith(PREFIX) and name not in links}
    problems = list(_unknown_variables(given, known))
    try:
        settings = Settings.model_validate(_Environ(given)())
    except ValidationError as error:
        # A default that depends on another setting cannot be made when that one is wrong, which is told already.
        told = [
            _problem(
                str(details["loc"][0]) if details["loc"] else "", details["type"], details["msg"], details["input"]
            )
            for details in error.errors()
            if details["type"] != "default_factory_not_called"
        ]
        raise Invalid([*told, *problems]) from None
    if problems:
        raise Invalid(problems)
    return settings


def variable(field: str) -> str:
    """The environment variable of a field of `Settings`."""
    return PREFIX + field.upper()


class _Environ(EnvSettingsSource):
    """Reads the variables it was given instead of those of the process."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items() if value}


def _unknown_variables(given: Mapping[str, str], known: Mapping[str, str]) -> Iterator[Problem]:
    for name, value in given.items():
        if name in known or name in _OTHER_VARIABLES or _SECRET_VALUE.fullmatch(name) or _SERVICE_LINK.fullmatch(name):
            continue
        if _SERVICE_LINK_VALUE.match(value):
            continue
        close = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
        if close:
            yield Problem(name, f"there is no such setting; did you mean {close[0]}?")
        else:
            logger.warning("Ignored %s: there is no such setting", name)


def _problem(field: str, kind: str, message: str, given: object) -> Problem:
    info = Settings.model_fields.get(field)
    if info is None or kind == "value_error":
        return Problem(variable(field), message.removeprefix("Value error, "))
    shown = f" (got {given!r})" if isinstance(given, str | int | float) else ""
    return Problem(variable(field), f"{message}{shown}. {info.description}")
