"""The automations under way, as the store has them: what their own process does not bring to an end, others do."""

import logging
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from connectors.automations import TIMEOUT_SECONDS, Order, break_off, ordered
from connectors.cancellation import Cancellation
from connectors.errors import ConfigurationError, ConnectorError
from service import clock
from service.database.engine import Database
from service.errors import Invalid
from service.runs.repository import automations
from service.runs.repository.automations import Lost
from service.workflows.vault import Vault

# The last step and what is told of it may take longer than the time for all of them.
PATIENCE = timedelta(seconds=TIMEOUT_SECONDS + 120)

logger = logging.getLogger(__name__)


class Automations:
    """Thread-safe; of whatever is begun and not ended within `patience`, `tell_lost` of any replica tells that."""

    def __init__(self, database: Database, vault: Vault, tokens: Path, patience: timedelta = PATIENCE) -> None:
        self._database = database
        self._vault = vault
        self._tokens = tokens
        self._patience = patience

    def begin(self, order: Order) -> UUID:
        """Note that it is being carried out; its number. Raises Invalid if there is no key to keep a token under."""
        document = self._vault.seal(order.model_dump(mode="json", by_alias=True), order.secrets)
        with self._database.session() as session:
            return automations.note(session, document, self._patience)

    def end(self, number: UUID) -> None:
        """The server knows how it ended, or cannot be told."""
        with self._database.session() as session:
            automations.forget(session, number)

    def tell_lost(self, cancellation: Cancellation) -> None:
        """Tell the servers of those whose process ended that they failed. Raises RunCancelled."""
        with self._database.session() as session:
            found = automations.take_lost(session)
        for lost in found:
            cancellation.check()
            self._tell(lost, cancellation)

    def _tell(self, lost: Lost, cancellation: Cancellation) -> None:
        try:
            order = ordered(self._vault.open(lost.document))
        except (Invalid, ConfigurationError) as error:
            logger.warning("OpenMetadata is not told of an automation that was lost: %s", error)
            self.end(lost.id)
            return
        if lost.given_up:
            logger.warning("OpenMetadata is not told any more that the automation %s was lost", order.name)
            return
        try:
            break_off(order, cancellation, clock.now, self._tokens)
        except ConfigurationError as error:
            logger.info("The automation %s is gone: %s", order.name, error)
        except ConnectorError as error:
            cancellation.check()
            logger.info("OpenMetadata was not told that the automation %s was lost: %s", order.name, error)
            return
        except Exception:  # of this one: the others are to be told
            logger.exception("OpenMetadata was not told that the automation %s was lost", order.name)
            return
        self.end(lost.id)
