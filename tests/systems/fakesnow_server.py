"""Snowflake as fakesnow plays it, with recorded rows for what it cannot play; run by fakesnow's own venv.

Rows stand in the schema RECORDED of each database, which a test fills: of PROCEDURES, FUNCTIONS, STREAMS and
IMPORTED_KEYS with the columns that Snowflake has, of DDL with a table's name and its statement.
"""

import gzip
import importlib
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
NAME = r'("(?:[^"]|"")+")'
TEXT = r"'((?:[^']|'')*)'"
PLAYED = (
    (r"\bDTD_IDENTIFIER\b", "IDENTITY_START"),
    (r"\bINFORMATION_SCHEMA\.(PROCEDURES|FUNCTIONS)\b", r"RECORDED.\1"),
    (rf"^SHOW STREAMS IN SCHEMA {NAME}\.{NAME}$", r"SELECT * FROM \1.RECORDED.STREAMS WHERE SCHEMA_NAME = \2"),
    (
        rf"^SHOW IMPORTED KEYS IN SCHEMA {NAME}\.{NAME}$",
        r"SELECT * FROM \1.RECORDED.IMPORTED_KEYS WHERE FK_SCHEMA_NAME = \2",
    ),
    (rf"^SELECT GET_DDL\('TABLE', '({NAME}[^']*)'\)$", r"SELECT TEXT FROM \2.RECORDED.DDL WHERE PLACE = '\1'"),
)
QUOTED_VALUE = re.compile(r' = "((?:[^"]|"")+)"$')


def played(statement: str) -> str:
    """A statement that fakesnow understands."""
    for pattern, replacement in PLAYED:
        statement = re.sub(pattern, replacement, statement.strip())
    return QUOTED_VALUE.sub(lambda found: " = '" + found[1].replace("'", "''") + "'", statement)


class Playing:
    """The server, with the statements rewritten on their way in."""

    def __init__(self, server: Callable[[dict[str, Any], Receive, Send], Awaitable[None]]) -> None:
        self._server = server

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or not scope["path"].endswith("/query-request"):
            await self._server(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        packed = dict(scope["headers"]).get(b"content-encoding") == b"gzip"
        asked = json.loads(gzip.decompress(body) if packed else body)
        asked["sqlText"] = played(asked["sqlText"])
        rewritten = json.dumps(asked).encode()
        headers = [pair for pair in scope["headers"] if pair[0] not in (b"content-encoding", b"content-length")]
        headers.append((b"content-length", str(len(rewritten)).encode()))

        async def once() -> dict[str, Any]:
            return {"type": "http.request", "body": rewritten, "more_body": False}

        await self._server({**scope, "headers": headers}, once, send)


if __name__ == "__main__":
    served = Playing(importlib.import_module("fakesnow.server").app)
    importlib.import_module("uvicorn").run(served, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
