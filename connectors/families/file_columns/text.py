"""Columns of delimited text and of JSON, inferred from the first rows or documents."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from itertools import islice
from typing import Any, cast

from connectors.errors import ConnectorError
from connectors.families.documents import SAMPLE, Inference
from connectors.models.database import Column

NUMBER = re.compile(r"[+-]?(\d+|(\d+\.\d*|\.\d+)([eE][+-]?\d+)?|\d+[eE][+-]?\d+)")
ZEROS = re.compile(r"[+-]?0\d")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
LONGEST_NUMBER = 300  # of digits; Python itself reads no more than 4300
TRUTH: Mapping[str, bool] = {"true": True, "false": False}
DAY_LENGTH = len("2026-01-31")
MARKS = " \t\r\n,"


def delimited_columns(head: bytes, name: str, separator: str, *, whole: bool) -> tuple[Column, ...]:
    """The columns by the names in the first line. `whole`: nothing of the file comes after `head`.

    Raises:
        ConnectorError: It is no such text.
    """
    text = _decoded(head, name, whole=whole)
    if not whole:
        text = text[: text.rfind("\n") + 1]
    try:
        rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), SAMPLE + 1))
    except csv.Error as error:
        msg = f"{name} cannot be read as delimited text: {error}"
        raise ConnectorError(msg, "correct structureFormat and separator in the manifest") from error
    if not rows or not any(rows[0]):
        msg = f"{name} has no line of headings that ends within its first {len(head)} bytes"
        raise ConnectorError(msg, "give it a line of headings, or correct structureFormat in the manifest")
    names = list(_named_once(rows[0]))
    inference = Inference(name)
    inference.add(dict.fromkeys(names) if len(rows) > 1 else dict.fromkeys(names, ""))
    for row in rows[1:]:
        inference.add(dict(zip(names, map(_value, row), strict=False)))
    return inference.columns()


def json_columns(head: bytes, name: str, *, whole: bool) -> tuple[Column, ...]:
    """The fields of the first documents: one a line, one after the other, or in an array.

    Raises:
        ConnectorError: It is no JSON, or none of objects.
    """
    text = _decoded(head, name, whole=whole)
    inference, count = Inference(name), 0
    for document in islice(_documents(text), SAMPLE):
        if isinstance(document, dict):
            inference.add(cast("dict[str, Any]", document))
            count += 1
    if not count:
        msg = f"{name} has no JSON object that ends within its first {len(head)} bytes"
        raise ConnectorError(msg, "see whether the file holds objects, or correct structureFormat in the manifest")
    return inference.columns()


def _documents(text: str) -> Iterator[object]:
    """The values that can be read, up to the first that cannot: the last one may be cut off."""
    decoder = json.JSONDecoder()
    place = len(text) - len(text.lstrip(MARKS))
    if text.startswith("[", place):
        place += 1
    while place < len(text):
        rest = text[place : place + 1]
        if rest in MARKS:
            place += 1
            continue
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return
        yield value


def _decoded(head: bytes, name: str, *, whole: bool) -> str:
    """The text; a character that `head` cuts off at its end is left out."""
    try:
        return head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if not whole and error.reason == "unexpected end of data":
            return head[: error.start].decode("utf-8-sig")
        msg = f"{name} is no UTF-8 text: {error.reason} at byte {error.start}"
        raise ConnectorError(msg, "correct structureFormat in the manifest, or store the file as UTF-8") from error


def _named_once(headings: list[str]) -> Iterator[str]:
    seen: set[str] = set()
    for place, heading in enumerate(headings, 1):
        name = stem = heading.strip() or f"column_{place}"
        count = 1
        while name in seen:
            count += 1
            name = f"{stem}_{count}"
        seen.add(name)
        yield name


def _value(text: str) -> object:
    """What a cell most likely means; a number that begins with zeros is a code."""
    text = text.strip()
    if not text:
        return None
    if len(text) <= LONGEST_NUMBER and NUMBER.fullmatch(text) and not ZEROS.match(text):
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    if text.lower() in TRUTH:
        return TRUTH[text.lower()]
    return _moment(text) if DAY.match(text) else text


def _moment(text: str) -> object:
    try:
        return date.fromisoformat(text) if len(text) == DAY_LENGTH else datetime.fromisoformat(text)
    except ValueError:
        return text
