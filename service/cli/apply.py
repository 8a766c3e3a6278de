"""`headwater apply -f DIR`: the workflows of a folder, created or updated in a running service."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Any, cast
from urllib.parse import quote

import httpx

from connectors.errors import ConfigurationError, SinkUnavailable
from service.cli.api_key import headers
from service.cli.files import FORMATS, is_workflow, load
from service.clock import monotonic
from service.workflows.documents import Json

LOOK_SECONDS = 1.0
READY = "/health/ready"
REFUSED = 1
URL_OPTION = "--url"
WRONG = 2


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """PUT each workflow; what is wrong with one, or refused, is told and the others go on."""
    worst = 0
    if arguments.wait > 0:
        _await(arguments.url, arguments.wait)
    with _client(arguments.url, headers(arguments.key_file, environ)) as client:
        for path in _files(arguments.folder):
            try:
                answer = _put(client, *_workflow(path, environ))
            except ConfigurationError as error:
                print(f"{error}", file=sys.stderr)
                worst = WRONG
                continue
            print(f"{path}: {_told(answer)}", file=sys.stdout if answer.is_success else sys.stderr)
            worst = worst if answer.is_success else worst or REFUSED
    return worst


def _await(url: str, seconds: float) -> None:
    """Return when the service is ready, or when its time is over: what it answers then says more."""
    deadline, pause = monotonic() + seconds, Event()
    while monotonic() < deadline and not _is_ready(url):
        pause.wait(LOOK_SECONDS)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(url.rstrip("/") + READY, trust_env=False, timeout=5).is_success
    except httpx.TransportError:
        return False
    except (httpx.InvalidURL, ValueError):
        return True  # `_client` refuses it


def _client(url: str, key: Mapping[str, str]) -> httpx.Client:
    try:
        return httpx.Client(base_url=url.rstrip("/") + "/api/v1", timeout=30, trust_env=False, headers=key)
    except (httpx.InvalidURL, ValueError) as error:
        raise ConfigurationError.at(URL_OPTION, f"{url!r} is not an address: {error}") from error


def _workflow(path: Path, environ: Mapping[str, str]) -> tuple[str, Json]:
    document = load(path, environ)
    name = document.get("name")
    if not isinstance(name, str) or not is_workflow(document):
        raise ConfigurationError.at(str(path), "is not a workflow; it needs the keys `name` and `config`")
    return name, document


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    if not folder.is_dir():
        raise ConfigurationError.at(str(folder), "is neither a folder nor a file")
    files = sorted(path for path in folder.iterdir() if path.suffix in FORMATS)
    if not files:
        raise ConfigurationError.at(str(folder), f"holds no file that ends in {', '.join(FORMATS)}")
    yield from files


def _put(client: httpx.Client, name: str, document: Json) -> httpx.Response:
    try:
        return client.put(f"/workflows/{quote(name, safe='')}", json=document)
    except httpx.HTTPError as error:
        message = f"no service answers at {client.base_url}: {error}"
        raise SinkUnavailable(message, "start it with `headwater serve`, or name its address with --url") from error


def _told(answer: httpx.Response) -> str:
    try:
        body: object = answer.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return f"answered with {answer.status_code}, and not by Headwater; name its address with --url"
    told = cast("dict[str, Any]", body)
    if answer.is_success:
        return "created" if answer.status_code == HTTPStatus.CREATED else f"revision {told.get('revision')}"
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        return f"refused: {told.get('detail')}\n  set HEADWATER_API_KEY, or name a file with the key by --key-file"
    problems = [f"{problem['path']}: {problem['message']}" for problem in told.get("problems") or ()]
    return "\n  ".join([f"refused: {told.get('detail') or told.get('title') or answer.status_code}", *problems])
