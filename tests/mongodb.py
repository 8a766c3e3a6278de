"""Databases on the server that speaks MongoDB's protocol, and what they hold."""

import datetime
import uuid
from typing import Any

from bson import ObjectId
from pymongo import MongoClient

DOCUMENTS: list[dict[str, Any]] = [
    {
        "_id": ObjectId("65a0000000000000000000a1"),
        "number": 1,
        "at": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        "customer": {"name": "Ada", "since": 1815},
        "lines": [{"sku": "a"}, {"price": 1.5}],
        "paid": True,
        "note": None,
    },
    {"_id": ObjectId("65a0000000000000000000a2"), "number": 2**40, "paid": "no", "größe": "m"},
]


def client(address: str) -> MongoClient[dict[str, Any]]:
    """A client of that server."""
    return MongoClient(f"mongodb://{address}/", serverSelectionTimeoutMS=20_000)


def fill_mongodb(address: str) -> str:
    """The name of a new database with some collections."""
    name = f"shop_{uuid.uuid4().hex[:12]}"
    with client(address) as filled:
        filled[name]["orders"].insert_many([dict(document) for document in DOCUMENTS])
        for number in range(3):
            filled[name][f"empty_{number}"].insert_one({"_id": number})
            filled[name][f"empty_{number}"].delete_many({})
    return name
