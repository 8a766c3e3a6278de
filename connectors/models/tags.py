"""Classifications and their tags."""

from typing import ClassVar

from connectors.models.base import CreateRequest


class CreateClassificationRequest(CreateRequest, frozen=True, kw_only=True):
    """A classification: the set that tags belong to."""

    entity: ClassVar[str] = "classification"
    collection: ClassVar[str] = "classifications"
    rank: ClassVar[int] = 0
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False


class CreateTagRequest(CreateRequest, frozen=True, kw_only=True):
    """One tag of a classification."""

    entity: ClassVar[str] = "tag"
    collection: ClassVar[str] = "tags"
    rank: ClassVar[int] = 1
    bulk: ClassVar[bool] = False
    hashed: ClassVar[bool] = False

    classification: str

    @property
    def parent(self) -> str:
        """The classification."""
        return self.classification
