"""Requests signed as Amazon's services want them (Signature Version 4), for APIs that boto3 has no client of."""

from collections.abc import Generator
from typing import TYPE_CHECKING

import httpx

from connectors.errors import FatalError
from connectors.families.aws import AwsCredentials, session_of
from connectors.families.aws_failures import translated

if TYPE_CHECKING:
    from botocore.credentials import Credentials

SIGNED_HEADERS = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")


class AwsSigned(httpx.Auth):
    """Thread-safe. Signs each request for one service, with keys that are renewed before they expire.

    Raises:
        FatalError, SourceUnavailable: There are no keys; see connectors.families.aws.failure.
    """

    requires_request_body = True

    def __init__(self, credentials: AwsCredentials, service: str) -> None:
        self._service = service
        self._region = credentials.aws_region
        with translated("the credentials are looked up"):
            found: Credentials | None = session_of(credentials).get_credentials()
        if found is None:
            msg = "there are no keys of Amazon's to sign requests with"
            raise FatalError(msg, "give awsAccessKeyId and awsSecretAccessKey, or run where the pod has a role")
        self._credentials = found

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, and send once."""
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest

        with translated("the credentials are looked up"):
            keys = self._credentials.get_frozen_credentials()
        signed = AWSRequest(method=request.method, url=str(request.url), data=request.content)
        SigV4Auth(keys, self._service, self._region).add_auth(signed)
        for name in SIGNED_HEADERS:
            if name in signed.headers:
                request.headers[name] = signed.headers[name]
        yield request
