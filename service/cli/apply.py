"""`headwater apply -f DIR`: the workflows of a folder, created or updated in a running service.

The exit code is 0 when all of them are there, 1 when the service was away or busy, so that the same call may do
later, and 2 when something has to be mended first.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote, urlsplit

import httpx

from connectors.errors import ConfigurationError, SinkUnavailable
from service.cli.api_key import headers
from service.cli.folder import Definition, read_folder
from service.cli.patience import Patience

DONE, AWAY, WRONG = 0, 1, 2
PAGE = 500
PRUNE_OPTION = "--prune"
SCHEMES = ("http", "https")
URL_OPTION = "--url"
WORKFLOWS = "/workflows"


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """PUT each workflow; what is wrong with one, or refused, is told and the others go on."""
    label = _label(arguments.prune)
    definitions, faults = read_folder(arguments.folder, environ)
    faults += [_unlabelled(one, *label) for one in definitions if label and not _has(one, *label)]
    for fault in faults:
        print(fault, file=sys.stderr)
    kept = [one for one in definitions if not label or _has(one, *label)]
    patience = Patience(arguments.wait)
    with _client(arguments.url, headers(arguments.key_file, environ)) as client:
        results = [WRONG] * bool(faults) + [_apply(client, one, patience) for one in kept]
        if label and any(results):
            print("nothing was deleted, as not everything was applied", file=sys.stderr)
        elif label:
            results += _prune(client, f"{label[0]}:{label[1]}", {one.name for one in definitions}, patience)
    # Whoever calls again when it was away hears then of what is wrong.
    return AWAY if AWAY in results else max(results, default=DONE)


def _label(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    key, colon, value = text.partition(":")
    if not (key and colon):
        raise ConfigurationError.at(PRUNE_OPTION, f"{text!r} is no label; write it as key:value")
    return key, value


def _has(definition: Definition, key: str, value: str) -> bool:
    labels = definition.document.get("labels")
    return isinstance(labels, dict) and labels.get(key) == value


def _unlabelled(definition: Definition, key: str, value: str) -> ConfigurationError:
    message = f"must be {value!r}: {PRUNE_OPTION} deletes what has this label and is not in the folder"
    return ConfigurationError.at(f"{definition.path}: labels.{key}", message)


def _client(url: str, key: Mapping[str, str]) -> httpx.Client:
    if not _is_address(url):
        raise ConfigurationError.at(URL_OPTION, f"{url!r} is not an address; write it as http://host:port")
    return httpx.Client(base_url=url.rstrip("/") + "/api/v1", timeout=30, trust_env=False, headers=key)


def _is_address(url: str) -> bool:
    try:
        httpx.URL(url)
        parts = urlsplit(url)
        return parts.scheme in SCHEMES and bool(parts.hostname) and parts.port != 0
    except (httpx.InvalidURL, ValueError):
        return False


def _apply(client: httpx.Client, definition: Definition, patience: Patience) -> int:
    request = client.build_request("PUT", _address(definition.name), json=definition.document)
    return _report(str(definition.path), patience.send(client, request))


def _prune(client: httpx.Client, label: str, kept: set[str], patience: Patience) -> Iterator[int]:
    """Delete the workflows that have the label and are not among the kept ones."""
    for name in [name for name in _labelled(client, label, patience) if name not in kept]:
        answer = patience.send(client, client.build_request("DELETE", _address(name)))
        # Somebody else may have been faster, or the answer to our own request was lost.
        yield DONE if answer.status_code == HTTPStatus.NOT_FOUND else _report(name, answer)


def _labelled(client: httpx.Client, label: str, patience: Patience) -> list[str]:
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = {"label": label, "limit": PAGE} | ({"cursor": cursor} if cursor else {})
        answer = patience.send(client, client.build_request("GET", WORKFLOWS, params=query))
        page = _body(answer)
        if not answer.is_success or "data" not in page:
            raise _not_listed(answer)
        names += [workflow["name"] for workflow in page["data"]]
        cursor = page["nextCursor"]
    return names


def _address(name: str) -> str:
    return f"{WORKFLOWS}/{quote(name, safe='')}"


def _not_listed(answer: httpx.Response) -> ConfigurationError | SinkUnavailable:
    if _passes(answer):
        message = f"{PRUNE_OPTION}: {_told(answer)}"
        return SinkUnavailable(message, "nothing was deleted; try again later")
    return ConfigurationError.at(PRUNE_OPTION, _told(answer))


def _report(what: str, answer: httpx.Response) -> int:
    done = _is_done(answer)
    print(f"{what}: {_told(answer)}", file=sys.stdout if done else sys.stderr)
    if done:
        return DONE
    return AWAY if _passes(answer) else WRONG


def _is_done(answer: httpx.Response) -> bool:
    """Whether Headwater says so; a proxy or the page of a login may answer with 200 too."""
    return answer.status_code == HTTPStatus.NO_CONTENT or (answer.is_success and "revision" in _body(answer))


def _passes(answer: httpx.Response) -> bool:
    return answer.is_server_error or answer.status_code == HTTPStatus.TOO_MANY_REQUESTS


def _body(answer: httpx.Response) -> dict[str, Any]:
    """The JSON object that the answer is; empty if it is none."""
    try:
        body: object = answer.json()
    except ValueError:
        return {}
    return cast("dict[str, Any]", body) if isinstance(body, dict) else {}


def _told(answer: httpx.Response) -> str:
    if answer.status_code == HTTPStatus.NO_CONTENT:
        return "deleted"
    told = _body(answer)
    if _is_done(answer):
        return "created" if answer.status_code == HTTPStatus.CREATED else f"revision {told['revision']}"
    if answer.is_success or not told:
        return f"answered with {answer.status_code}, and not by Headwater; name its address with {URL_OPTION}"
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return f"refused: {told.get('detail')}\n  set HEADWATER_API_KEY, or name a file with the key by --key-file"
    problems = [f"{problem['path']}: {problem['message']}" for problem in told.get("problems") or ()]
    reason = told.get("title") if problems else told.get("detail") or told.get("title")
    return "\n  ".join([f"refused: {reason or answer.status_code}", *problems])
