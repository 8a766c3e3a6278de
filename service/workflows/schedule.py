"""When a workflow is due, as people write it. Cron text and instants to come are the business of service.scheduling."""

from collections.abc import Mapping
from typing import Annotated, TypeAlias, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, JsonValue, Tag, TypeAdapter, model_validator

from service.workflows.documents import Json
from service.workflows.wire import Input, Integer, ZonedInstant

MAX_INTERVAL_SECONDS = 366 * 24 * 3600
# Files beside the zones that are not the same everywhere.
OF_ONE_MACHINE = ("localtime", "posix", "right")
KINDS = ("cron", "intervalSeconds", "at")


def _known_zone(name: str) -> str:
    message = f"{name!r} is not an IANA time zone; write it like Europe/Berlin or UTC"
    if name.startswith(OF_ONE_MACHINE):
        raise ValueError(message)
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(message) from error
    return name


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]


class _Recurring(Input):
    timezone: TimeZone = "UTC"
    jitter_seconds: Integer = Field(default=0, ge=0, le=24 * 3600)
    start: ZonedInstant | None = None
    end: ZonedInstant | None = None

    @model_validator(mode="after")
    def _ends_after_its_start(self) -> "_Recurring":
        if self.start is not None and self.end is not None and self.end <= self.start:
            message = "end must be after start"
            raise ValueError(message)
        return self


class CronSchedule(_Recurring):
    """Due at the wall times that a cron expression names in a time zone."""

    cron: str = Field(min_length=1, max_length=256)


class IntervalSchedule(_Recurring):
    """Due every so many seconds, counted from `anchor` (by default the Unix epoch)."""

    interval_seconds: Integer = Field(ge=1, le=MAX_INTERVAL_SECONDS)
    anchor: ZonedInstant | None = None


class AtSchedule(Input):
    """Due once."""

    at: ZonedInstant


AnySchedule: TypeAlias = CronSchedule | IntervalSchedule | AtSchedule


def _kind(value: object) -> str | None:
    if isinstance(value, CronSchedule | IntervalSchedule | AtSchedule):
        return {CronSchedule: "cron", IntervalSchedule: "intervalSeconds", AtSchedule: "at"}[type(value)]
    if not isinstance(value, Mapping):
        return None
    keys = {"intervalSeconds" if key == "interval_seconds" else key for key in cast("Mapping[object, object]", value)}
    named = [kind for kind in KINDS if kind in keys]
    return named[0] if len(named) == 1 else None


Schedule: TypeAlias = Annotated[
    Annotated[CronSchedule, Tag("cron")]
    | Annotated[IntervalSchedule, Tag("intervalSeconds")]
    | Annotated[AtSchedule, Tag("at")],
    Discriminator(
        _kind,
        custom_error_type="schedule_kind",
        custom_error_message="write exactly one of cron, intervalSeconds or at; null means on demand",
    ),
]

# Made once: that takes a hundred times as long as reading a schedule.
_ADAPTER: TypeAdapter[AnySchedule] = TypeAdapter(Schedule)


def read_schedule(stored: Mapping[str, JsonValue] | None) -> AnySchedule | None:
    """A schedule as it was stored, by this release or a later one."""
    if stored is None:
        return None
    return _ADAPTER.validate_python(stored, extra="ignore")


def stored_schedule(schedule: AnySchedule | None) -> Json | None:
    """A schedule as it is stored."""
    return None if schedule is None else schedule.model_dump(mode="json", exclude_none=True)
