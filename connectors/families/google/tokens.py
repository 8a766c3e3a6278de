"""Access tokens of Google's, fetched by google-auth over this package's own HTTP client."""

import importlib
import json
import threading
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Protocol, TypeVar, cast

import httpx
import msgspec

from connectors.cancellation import Cancellation
from connectors.definition import CONNECTION_CONFIG
from connectors.errors import ConfigurationError, ConnectorError, FatalError, RunCancelled, SourceUnavailable
from connectors.families.google.config import OF_GOOGLE, GcpConfig, GcpCredentials
from connectors.families.left_behind import answered
from connectors.http.proxies import by_way_of
from connectors.report import Report

AnswerT = TypeVar("AnswerT")
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
GCP_CONFIG = f"{CONNECTION_CONFIG}.credentials.gcpConfig"
PATH = f"{GCP_CONFIG}.path"
SECONDS, MOST_BYTES = 20.0, 1024**2
OF_FILES = ("service_account", "external_account", "authorized_user")


class Credentials(Protocol):
    """Google's credentials of any kind."""

    token: str | None

    def refresh(self, request: object, /) -> None:
        """Fetch a token."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """An answer as google-auth takes it."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status})"


class Transport:
    """What google-auth asks through."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_others: object,
    ) -> Reply:
        """One request."""
        from google.auth.exceptions import TransportError

        address, data, patience = httpx.URL(url), bytearray(), timeout or SECONDS
        try:
            with self._client.stream(method, address, content=body, headers=headers, timeout=patience) as answer:
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > MOST_BYTES:
                        msg = f"{address.host}: an answer is longer than {MOST_BYTES} bytes"
                        raise TransportError(msg)
        except httpx.HTTPError as error:
            msg = f"{address.host}: {error}{by_way_of(address)}"
            raise TransportError(msg) from error
        return Reply(answer.status_code, answer.headers, bytes(data))


class GoogleTokens:
    """Thread-safe. The tokens of one run; `client` asks for them."""

    def __init__(
        self, credentials: GcpCredentials, report: Report, cancellation: Cancellation, client: httpx.Client
    ) -> None:
        self._given = credentials
        self._report = report
        self._cancellation = cancellation
        self._transport = Transport(client)
        self._lock = threading.Lock()
        self._made: tuple[Credentials, str | None] | None = None

    @property
    def project(self) -> str | None:
        """The project that the credentials are of, where they tell; raises like `header`."""
        return self._asked(lambda: self._credentials()[1])

    def header(self) -> Mapping[str, str]:
        """What a request shows, with a new token.

        Raises:
            ConfigurationError: The key is none.
            FatalError: There are no credentials, or Google refuses them.
            SourceUnavailable: Google does not answer.
            RunCancelled: The run was told to stop.
        """

        def ask() -> Mapping[str, str]:
            credentials, _ = self._credentials()
            credentials.refresh(self._transport)
            return {"Authorization": f"Bearer {credentials.token}"}

        return self._asked(ask)

    def _asked(self, ask: Callable[[], AnswerT]) -> AnswerT:
        try:
            with self._lock:
                return answered(ask, self._report, self._cancellation)
        except (ConnectorError, RunCancelled):
            raise
        except Exception as error:  # credentials can be wrong in many ways
            raise failure(error, self._given.gcp_config, made_up=self._made is not None) from error

    def _credentials(self) -> tuple[Credentials, str | None]:
        if self._made is None:
            found, project = made(self._given.gcp_config, self._transport)
            acting = self._given.gcp_impersonate_service_account
            if acting.impersonate_service_account is not None:
                found = _module("google.auth.impersonated_credentials").Credentials(
                    source_credentials=found,
                    target_principal=acting.impersonate_service_account,
                    target_scopes=list(SCOPES),
                    lifetime=acting.lifetime,
                )
            self._made = (cast("Credentials", found), project)
        return self._made


def made(config: GcpConfig, transport: Transport) -> tuple[Credentials, str | None]:
    """The credentials that a definition speaks of, and their project; raises what google-auth does."""
    if config.type == "gcp_adc":
        found, project = _module("google.auth").default(scopes=SCOPES, request=transport)
        return found, project
    if config.type == "gcp_credential_path":
        given: object = json.loads(config.text_of(str(config.path)))
        return of_file(cast("dict[str, Any]", given) if isinstance(given, dict) else {})
    if config.type == "external_account":
        return federated(federation(config)), None
    return of_key(key_of(config)), None


def key_of(config: GcpConfig) -> dict[str, Any]:
    """A service account's key as its file has it."""
    key, key_id = config.private_key, config.private_key_id
    return {
        "type": "service_account",
        "private_key": key.get_secret_value().replace("\\n", "\n").strip() + "\n" if key else "",
        "private_key_id": key_id.get_secret_value() if key_id else None,
        "client_email": config.client_email,
        "token_uri": config.token_uri.get_secret_value(),
    }


def federation(config: GcpConfig) -> dict[str, Any]:
    """Workload identity federation as its file has it."""
    source = dict(config.credential_source or {})
    file, kind, address = source.get("file"), config.subject_token_type, config.token_url
    if isinstance(file, str):
        source["file"] = config.place(file)
    return {
        "type": "external_account",
        "audience": config.audience,
        "subject_token_type": kind.get_secret_value() if kind else None,
        "token_url": address.get_secret_value() if address else None,
        "credential_source": source,
    }


def of_file(info: dict[str, Any]) -> tuple[Credentials, str | None]:
    """The credentials of a file that is named, or that was read."""
    kind, project = info.get("type"), info.get("project_id") or info.get("quota_project_id")
    if kind == "service_account":
        return of_key(info), project
    if kind == "external_account":
        _require_google(info)
        return federated(info), project
    if kind == "authorized_user":
        return _module("google.oauth2.credentials").Credentials.from_authorized_user_info(info, list(SCOPES)), project
    problem = f"names a file of type {kind!r}; it must be of {', '.join(OF_FILES)}"
    raise ConfigurationError.at(PATH, problem)


def _require_google(info: Mapping[str, Any]) -> None:
    """Who may write files there could have tokens that this service reads sent elsewhere."""
    for key in ("token_url", "service_account_impersonation_url"):
        if key in info and not OF_GOOGLE.fullmatch(str(info[key])):
            raise ConfigurationError.at(PATH, f"names a file whose {key} is no address of Google's; correct it there")


def of_key(info: dict[str, Any]) -> Credentials:
    """A service account."""
    return _module("google.oauth2.service_account").Credentials.from_service_account_info(info, scopes=SCOPES)


def federated(info: dict[str, Any]) -> Credentials:
    """Somebody whom Google knows by another cloud's or a cluster's word."""
    source: Mapping[str, Any] = info.get("credential_source") or {}
    if "executable" in source:
        raise ConfigurationError.at(GCP_CONFIG, "names a program in credential_source, which is not supported")
    name = "aws" if str(source.get("environment_id", "")).startswith("aws") else "identity_pool"
    return _module(f"google.auth.{name}").Credentials.from_info(info, scopes=SCOPES)


def failure(error: Exception, config: GcpConfig, *, made_up: bool) -> ConnectorError:
    """What it means that there is no token, though the credentials were `made_up` or not, and how to mend it."""
    from google.auth import exceptions

    of_google = isinstance(error, exceptions.GoogleAuthError) and error.args
    text = " ".join(str(error.args[0] if of_google else error).split())
    if isinstance(error, exceptions.DefaultCredentialsError) and config.type == "gcp_adc":
        advice = "have GOOGLE_APPLICATION_CREDENTIALS name a key file for the service, or give the key in gcpConfig"
        return FatalError("the service has no credentials of Google's own", advice)
    passing = isinstance(error, exceptions.GoogleAuthError) and cast("Retryable", error).retryable
    if passing or isinstance(error, exceptions.TransportError):
        advice = "see whether Google's addresses for tokens can be reached from here; the run is tried again"
        return SourceUnavailable(f"no access token: {text}", advice)
    if isinstance(error, exceptions.RefreshError):
        return FatalError(f"Google gives no access token: {text}", _mend(config))
    if made_up:
        advice = "see whether tokenUri or tokenURL is an address of Google's, and what stands before it"
        return FatalError(f"no access token: what answers is not Google: {text}", advice)
    if config.type == "service_account":
        return ConfigurationError.at(
            f"{GCP_CONFIG}.privateKey", "is no private key in PEM; give the whole text of private_key in the key's file"
        )
    return FatalError(f"the credentials cannot be used: {type(error).__name__}: {text}", _mend(config))


class Retryable(Protocol):
    """What google-auth's errors say of themselves."""

    retryable: bool


def _mend(config: GcpConfig) -> str:
    parts = {
        "service_account": "privateKey, privateKeyId and clientEmail",
        "gcp_credential_path": "path, or the file that it names",
        "external_account": "audience, subjectTokenType and credentialSource",
        "gcp_adc": "the credentials that the service has from its environment",
    }
    acting = "; the account that is impersonated must grant roles/iam.serviceAccountTokenCreator to them"
    return f"correct {parts[config.type]}{acting}"


def _module(name: str) -> ModuleType:
    """A part of google-auth, which has few types."""
    return importlib.import_module(name)
