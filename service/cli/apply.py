"""`headwater apply -f DIR`: the workflows of a folder, created or updated in a running service."""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx

from connectors.errors import ConfigurationError, SinkUnavailable
from service.cli.files import SUFFIXES, load

CREATED = 201


def main(arguments: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """PUT each workflow; a refused one is told and the others go on."""
    failed = False
    with httpx.Client(base_url=arguments.url.rstrip("/") + "/api/v1", timeout=30, trust_env=False) as client:
        for path in _files(arguments.folder):
            document = load(path, environ)
            name = document.get("name")
            if not isinstance(name, str) or not isinstance(document.get("config"), dict):
                raise ConfigurationError.at(str(path), "is not a workflow; it needs the keys `name` and `config`")
            answer = _put(client, name, document)
            failed = failed or answer.is_error
            print(f"{path}: {_told(answer)}")
    return 1 if failed else 0


def _files(folder: Path) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    if not folder.is_dir():
        raise ConfigurationError.at(str(folder), "is neither a folder nor a file")
    yield from sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)


def _put(client: httpx.Client, name: str, document: dict[str, object]) -> httpx.Response:
    try:
        return client.put(f"/workflows/{name}", json=document)
    except httpx.HTTPError as error:
        message = f"no service answers at {client.base_url}: {error}"
        raise SinkUnavailable(message, "start it with `headwater serve`, or name its address with --url") from error


def _told(answer: httpx.Response) -> str:
    body = answer.json()
    if answer.is_error:
        problems = [f"{problem['path']}: {problem['message']}" for problem in body.get("problems", ())]
        return "\n  ".join([f"refused: {body.get('detail') or body.get('title')}", *problems])
    return f"{'created' if answer.status_code == CREATED else 'revision ' + str(body['revision'])}"
