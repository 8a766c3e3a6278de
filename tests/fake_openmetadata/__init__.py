"""A strict OpenMetadata API for tests and demos, with nothing behind it.

It validates create requests by OpenMetadata's JSON Schemas when ../shared/openmetadata-schemas exists, else only
looks for the required fields.
"""

from tests.fake_openmetadata.api import Manners
from tests.fake_openmetadata.faults import Fault
from tests.fake_openmetadata.server import FakeOpenMetadata, Request

__all__ = ["FakeOpenMetadata", "Fault", "Manners", "Request"]
