"""Keeps the secrets of a definition out of what the command line prints."""

import logging
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from connectors.errors import ConfigurationError, ConnectorError, Problem, cause_of
from service import logs

logger = logging.getLogger(__name__)


@contextmanager
def hiding(name: str, secrets: Iterable[str], level: str = "WARNING") -> Generator[logs.Redactor]:
    """While inside, log lines belong to the local run `name`, which wants those of `level`; errors hide its secrets.

    Raises:
        ConnectorError: In place of anything else than that and an interruption.
    """
    with logs.bind_run("local", name, 1, level) as context:
        context.redactor.add(secrets)
        try:
            yield context.redactor
        except (Exception, SystemExit) as error:  # a connector's exit is no exit of ours
            logger.debug("the run broke off", exc_info=True)
            raise _hidden(error, context.redactor) from error


def _hidden(error: BaseException, redactor: logs.Redactor) -> ConnectorError:
    if isinstance(error, ConfigurationError):
        return ConfigurationError(Problem(each.path, redactor.apply(each.message)) for each in error.problems)
    if isinstance(error, ConnectorError):
        return type(error)(redactor.apply(error.message), error.advice and redactor.apply(error.advice))
    return ConnectorError(f"the run broke off: {redactor.apply(cause_of(error))}")
