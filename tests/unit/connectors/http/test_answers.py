import pytest

from connectors.http.answers import LONGEST_MESSAGE, Answer, UnreadableAnswer


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"code": 400, "message": "name must not\\n be null"}', "name must not be null"),
        (b'{"errorType": "x", "responseMessage": "no"}', "no"),
        (b'{"error": {"root_cause": [], "reason": "no such index [x]"}, "status": 404}', "no such index [x]"),
        (b'{"errors": ["a", "b"]}', "['a', 'b']"),
        (b'{"error": {"code": 403, "message": "no"}}', "no"),
        (b'{"error": {"code": 403}}', "{'code': 403}"),
        (b"<html><h1>502 Bad</h1><p>Gateway</p></html>", "502 Bad Gateway"),
        (b"", "HTTP 404 Not Found"),
        (b"[]", "HTTP 404 Not Found"),
        (b'{"message": null}', "HTTP 404 Not Found"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_finds_the_servers_own_words(body: bytes, message: str) -> None:
    assert Answer(404, body).message() == message


def test_knows_no_words_for_a_status_of_nobody() -> None:
    assert Answer(799, b"").message() == "HTTP 799"


def test_cuts_long_messages() -> None:
    assert len(Answer(500, b"x" * 10_000).message()) == LONGEST_MESSAGE + 1


def test_tells_what_cannot_be_read() -> None:
    for body in (b'{"half": ', b"[" * 100_000):
        with pytest.raises(UnreadableAnswer, match="HTTP 200 with a body that cannot be read"):
            Answer(200, body).decoded(object)
