"""The steps of a connection test of a REST API: each on a way of its own, which tells at once what is wrong."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Generic, TypeVar

import msgspec
from pydantic import BaseModel

from connectors.cancellation import Cancellation
from connectors.connector import Check
from connectors.families.rest import AT_ONCE, STEP_SECONDS, RestLimits
from connectors.report import Report

ConfigT = TypeVar("ConfigT", bound=BaseModel)
ApiT = TypeVar("ApiT")
Open = Callable[[ConfigT, Report, Cancellation, RestLimits | None], AbstractContextManager[ApiT]]


class Step(msgspec.Struct, Generic[ApiT], frozen=True):
    """A check of what has been opened; see connectors.connector.Check."""

    name: str
    description: str
    ask: Callable[[ApiT], str]
    gate: bool = False
    mandatory: bool = False


def rest_checks(opened: Open[ConfigT, ApiT], *steps: Step[ApiT]) -> tuple[Check[ConfigT], ...]:
    """The checks of a connector that opens its system so."""

    def run(ask: Callable[[ApiT], str]) -> Callable[[ConfigT], str]:
        def check(config: ConfigT) -> str:
            with opened(config, Report(), Cancellation(STEP_SECONDS), AT_ONCE) as api:
                return ask(api)

        return check

    return tuple(
        Check(
            step.name,
            step.description,
            run(step.ask),
            gate=step.gate,
            mandatory=step.mandatory,
            timeout_seconds=STEP_SECONDS,
        )
        for step in steps
    )
