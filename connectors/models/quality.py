"""Tests of data: what they are, what they look at, and what became of them."""

from typing import ClassVar, Literal

from connectors.models.base import CreateRequest, Request, Wire
from connectors.models.names import child_fqn

EntityType = Literal["TABLE", "COLUMN"]
ParameterType = Literal["STRING", "NUMBER", "BOOLEAN", "ARRAY", "MAP"]
CaseStatus = Literal["Success", "Failed", "Aborted"]
LINK_START, LINK_COLUMNS, LINK_END = "<#E::table::", "::columns::", ">"


class ParameterDefinition(Wire, frozen=True, kw_only=True):
    """A parameter that a test takes."""

    name: str
    data_type: ParameterType


class ParameterValue(Wire, frozen=True, kw_only=True):
    """What a parameter is in a case."""

    name: str
    value: str


class CreateTestDefinitionRequest(CreateRequest, frozen=True, kw_only=True):
    """A test that some platform runs."""

    entity: ClassVar[str] = "testDefinition"
    collection: ClassVar[str] = "dataQuality/testDefinitions"
    rank: ClassVar[int] = 0
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False
    leaf: ClassVar[bool] = True

    entity_type: EntityType
    test_platforms: tuple[str, ...]
    parameter_definition: tuple[ParameterDefinition, ...] = ()


class CreateTestCaseRequest(CreateRequest, frozen=True, kw_only=True):
    """A test of one table or column; where the catalogue lacks that, it is left out.

    The server keeps the suite of the table that it belongs to.
    """

    entity: ClassVar[str] = "testCase"
    collection: ClassVar[str] = "dataQuality/testCases"
    rank: ClassVar[int] = 101
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False
    leaf: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    test_definition: str
    entity_link: str
    parameter_values: tuple[ParameterValue, ...] = ()

    @property
    def parent(self) -> str:
        """The table or column that it looks at."""
        table, _, column = self.entity_link.removeprefix(LINK_START).removesuffix(LINK_END).partition(LINK_COLUMNS)
        return child_fqn(table, column) if column else table


def entity_link(table: str, column: str | None = None) -> str:
    """How a test case names what it looks at: a table by its fully qualified name, or a column of it."""
    inside = f"{LINK_COLUMNS}{column}" if column is not None else ""
    return f"{LINK_START}{table}{inside}{LINK_END}"


class ResultValue(Wire, frozen=True, kw_only=True):
    """A figure that a test found."""

    name: str
    value: str


class CaseResult(Wire, frozen=True, kw_only=True):
    """What became of a test at a moment, in milliseconds since 1970."""

    timestamp: int
    test_case_status: CaseStatus
    result: str | None = None
    test_result_value: tuple[ResultValue, ...] = ()


class AddTestCaseResultRequest(Request, frozen=True, kw_only=True):
    """A result of a test case, by its fully qualified name; it is sent after that, and once for each moment."""

    entity: ClassVar[str] = "testCaseResult"
    collection: ClassVar[str] = "dataQuality/testCases/testCaseResults"
    rank: ClassVar[int] = 102
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False
    leaf: ClassVar[bool] = True
    joins: ClassVar[bool] = True

    test_case: str
    result: CaseResult

    @property
    def fqn(self) -> str:
        """The test case."""
        return self.test_case
