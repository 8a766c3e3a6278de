"""What tests of the API are served by ends with them."""

import threading
from contextlib import suppress

from fastapi import FastAPI

from tests.integration.service.api.serving import serving


class Failed(Exception):
    """A test did."""


def test_a_test_that_fails_leaves_no_server() -> None:
    before = set(threading.enumerate())
    with suppress(Failed), serving(FastAPI()):
        raise Failed
    assert set(threading.enumerate()) <= before
