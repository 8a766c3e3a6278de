"""What the pipeline-service contract asks of the OpenMetadata server that calls."""

import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import UUID

from connectors.automations import TIMEOUT_SECONDS, Order, carry_out, ordered
from connectors.cancellation import Cancellation
from connectors.connector import CheckResult
from connectors.errors import ConfigurationError, ConnectorError
from connectors.services import service_type
from service import clock
from service.errors import ServiceError, Unavailable
from service.execution.automations import Automations
from service.workflows.documents import Json

MAX_AUTOMATIONS = 8

logger = logging.getLogger(__name__)


class OpenMetadata:
    """Thread-safe; `check` tests a connection by its connector's name and its config."""

    def __init__(
        self, automations: Automations, check: Callable[[str, Json], Iterator[CheckResult]], tokens: Path
    ) -> None:
        self._automations = automations
        self._check = check
        self._tokens = tokens
        self._free = threading.BoundedSemaphore(MAX_AUTOMATIONS)
        self._closing = Cancellation()

    def service_type(self, server: Json, kind: str, name: str) -> str:
        """OpenMetadata's name for the kind of system that a service is.

        Raises:
            ConfigurationError: The server has no such service; paths begin inside `server` or name the service.
            SinkUnavailable, FatalError: It does not answer, or is none that we can use.
        """
        return service_type(server, kind, name, self._tokens)

    def automate(self, document: Json) -> str:
        """Begin what an automation orders, in the background; its name.

        Raises:
            ConfigurationError: It is none that can be carried out here.
            Invalid: There is no key to keep the server's token under while it goes on.
            Unavailable: Many are under way already, or the store is away.
        """
        order = ordered(document)
        if not self._free.acquire(blocking=False):
            message = f"{MAX_AUTOMATIONS} connections are being tested already; try again when a test has ended"
            raise Unavailable(message)
        try:
            number = self._automations.begin(order)
            threading.Thread(target=self._carry_out, args=(order, number), name="automation", daemon=True).start()
        except BaseException:
            self._free.release()
            raise
        return order.name

    def stop(self) -> None:
        """Begin no request any more."""
        self._closing.cancel("the service shuts down")

    def _carry_out(self, order: Order, number: UUID) -> None:
        cancellation = Cancellation(TIMEOUT_SECONDS)
        try:
            self._tell(order, number, cancellation)
        except ConnectorError as error:
            logger.warning("The server was not told how the automation %s ended, it will be: %s", order.name, error)
        except ServiceError as error:
            logger.warning("That the automation %s has ended could not be noted, it will be: %s", order.name, error)
        except Exception:  # a thread of nobody's: what it does not log is lost
            logger.exception("The automation %s broke off", order.name)
        finally:
            self._free.release()

    def _tell(self, order: Order, number: UUID, cancellation: Cancellation) -> None:
        try:
            with self._closing.interrupting(lambda: cancellation.cancel(self._closing.reason)):
                carry_out(order, self._check, cancellation, clock.now, self._tokens)
        except ConfigurationError as error:
            logger.warning("The automation %s was not carried out: %s", order.name, error)
        self._automations.end(number)
