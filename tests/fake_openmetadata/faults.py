"""What can go wrong on purpose."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(slots=True)
class Fault:
    """The next `times` requests whose path ends in `path` go wrong.

    `status` answers with that code; `reset` cuts the connection before the answer, `half` in the middle of it;
    `slow` only takes `seconds`; `garbage` and `html` answer with no JSON, `lie` with `body`. What is `late` has been
    carried out all the same.
    """

    path: str
    kind: Literal["status", "reset", "half", "slow", "garbage", "html", "lie"] = "status"
    status: int = 503
    times: int = 1
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict[str, str])
    message: str = "injected"
    body: bytes = b""
    late: bool = False
    method: str | None = None


class Faults:
    """Thread-safe; each fault is used up."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self._lock = threading.Lock()
        self._waiting = list(faults)

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._waiting.extend(faults)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets."""
        with self._lock:
            for fault in self._waiting:
                if path.endswith(fault.path) and fault.method in (None, method):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._waiting.remove(fault)
                    return fault
        return None
