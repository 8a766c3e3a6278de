"""Log lines: what they say, whose they are, and what they must not say."""

import contextvars
import io
import json
import logging
import threading
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from service.logs import (
    MASK,
    JsonFormatter,
    Redactor,
    RunContext,
    RunLogCallback,
    RunLogHandler,
    bind_run,
    configure,
    current_run,
    redact,
)

logger = logging.getLogger("service.test")


class Unspeakable:
    """As an object of a library whose connection is gone."""

    def __str__(self) -> str:
        raise AttributeError(self.__class__)

    __repr__ = __str__


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def unchanged_logging() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    levels = {name: logging.getLogger(name).level for name in ("service", "connectors")}
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(capture=False)
    for name, former in levels.items():
        logging.getLogger(name).setLevel(former)


@pytest.fixture
def output() -> io.StringIO:
    stream = io.StringIO()
    configure("INFO", stream)
    return stream


def lose(what: str) -> None:
    raise LookupError(what)


@contextmanager
def handler(callback: RunLogCallback) -> Generator[None]:
    added = RunLogHandler(callback)
    logger.addHandler(added)
    try:
        yield
    finally:
        logger.removeHandler(added)


def lines(output: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


class TestLines:
    def test_a_line_is_an_object(self, output: io.StringIO) -> None:
        logger.info("took %d of %s", 3, "ä")
        (line,) = lines(output)
        assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
        assert line == {"level": "INFO", "logger": "service.test", "message": "took 3 of ä"}

    def test_an_exception_is_a_field(self, output: io.StringIO) -> None:
        try:
            lose("gone")
        except LookupError:
            logger.exception("failed")
        (line,) = lines(output)
        assert line["exception"].startswith("Traceback")
        assert line["exception"].endswith("LookupError: gone")

    def test_lines_below_the_level_are_left_out(self, output: io.StringIO) -> None:
        logger.debug("detail")
        logging.getLogger("elsewhere").debug("detail")
        assert not lines(output)

    def test_a_line_that_does_not_fit_its_arguments_is_kept(self) -> None:
        record = logging.LogRecord("service", logging.INFO, "", 1, "took %d", ("three",), None)
        assert json.loads(JsonFormatter().format(record))["message"] == "took %d ('three',)"

    def test_a_value_that_cannot_be_shown_ends_nothing(self, output: io.StringIO) -> None:
        with bind_run("7", "shop", 1):
            logger.info("closed %s", Unspeakable())
            logger.info(Unspeakable())
        told = "(with values that cannot be shown)"
        assert [line["message"] for line in lines(output)] == [f"closed %s {told}", f"Unspeakable {told}"]

    def test_warnings_are_lines(self, output: io.StringIO) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(capture=True)
            warnings.warn("old way", UserWarning, stacklevel=1)
            logging.captureWarnings(capture=False)
        assert "old way" in lines(output)[0]["message"]

    def test_configuring_again_replaces(self, output: io.StringIO) -> None:
        other = io.StringIO()
        configure("INFO", other)
        logger.info("once")
        assert not lines(output)
        assert len(lines(other)) == 1

    def test_a_terminal_gets_text(self) -> None:
        terminal = Terminal()
        configure("INFO", terminal)
        with bind_run("7", "shop", 1):
            try:
                lose("gone")
            except LookupError:
                logger.exception("failed")
        first, *rest = terminal.getvalue().splitlines()
        assert first.endswith("ERROR   service.test [shop 7]: failed")
        assert rest[-1] == "LookupError: gone"


class TestRuns:
    def test_lines_inside_name_the_run(self, output: io.StringIO) -> None:
        with bind_run("7", "shop", 2):
            logger.info("in")
        logger.info("out")
        inside, outside = lines(output)
        assert (inside["run_id"], inside["workflow"], inside["attempt"]) == ("7", "shop", 2)
        assert "run_id" not in outside

    def test_runs_nest_and_unbind(self) -> None:
        with bind_run("1", "a", 1), bind_run("2", "b", 1):
            run = current_run()
            assert run is not None
            assert run.run_id == "2"
        assert current_run() is None

    def test_a_run_may_want_more_or_less(self, output: io.StringIO) -> None:
        with bind_run("7", "shop", 1, level="DEBUG"):
            logger.debug("detail")
        with bind_run("8", "shop", 1, level="error"):
            logger.info("chatter")
        assert [line["message"] for line in lines(output)] == ["detail"]


class TestSecrets:
    def test_they_are_masked_in_messages_and_tracebacks(self, output: io.StringIO) -> None:
        with bind_run("7", "shop", 1):
            redact(["s3cr3t"])
            try:
                lose("postgres://u:s3cr3t@h")
            except LookupError:
                logger.exception("with %s", "s3cr3t")
        assert "s3cr3t" not in output.getvalue()
        assert lines(output)[0]["message"] == f"with {MASK}"

    def test_threads_of_the_run_share_them(self, output: io.StringIO) -> None:
        with bind_run("7", "shop", 1):
            context = contextvars.copy_context()
            redact(["s3cr3t"])
            thread = threading.Thread(target=context.run, args=(logger.info, "s3cr3t"))
            thread.start()
            thread.join()
        assert lines(output)[0]["message"] == MASK

    def test_later_handlers_do_not_see_them_either(self, output: io.StringIO, caplog: pytest.LogCaptureFixture) -> None:
        logging.getLogger().addHandler(caplog.handler)
        with bind_run("7", "shop", 1):
            redact(["s3cr3t"])
            logger.info("%s", "s3cr3t")
        assert caplog.messages[-1] == MASK

    def test_outside_a_run_there_are_none(self, output: io.StringIO) -> None:
        redact(["word"])
        logger.info("word")
        assert lines(output)[0]["message"] == "word"

    @pytest.mark.parametrize(
        ("secret", "text"),
        [
            ("p@ss/word", "postgres://u:p%40ss%2Fword@h"),
            ("p@ss/word", "postgres://u:p%40ss/word@h"),
            ("two words", "q=two+words"),
            ('a"quote', '{"password": "a\\"quote"}'),
            ("Grüße!", '"Gr\\u00fc\\u00dfe!"'),
            ("it's\tso", repr("it's\tso")),
            ("abcd\n", "abcd"),
            ("of bytes \udcff", "q=of%20bytes%20%ED%B3%BF"),
            ("-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END KEY-----", "line MIIEvQIBADANBgkqhkiG read"),
        ],
    )
    def test_they_are_found_in_other_spellings(self, secret: str, text: str) -> None:
        redactor = Redactor()
        redactor.add([secret])
        assert MASK in redactor.apply(text)

    def test_the_longest_goes_first(self) -> None:
        redactor = Redactor()
        redactor.add(["secret"])
        redactor.add(["secret-long", ""])
        assert redactor.apply("secret-long secret") == f"{MASK} {MASK}"

    @pytest.mark.parametrize(
        ("secret", "text", "shown"),
        [
            ("2", "2 tables deleted: 2 of 2", "2 tables deleted: 2 of 2"),
            ("a", "a table: a=a", "a table: a=a"),
            ("pg", "pg://u:pg@pgserver", f"pg://u:{MASK}@pgserver"),
            ("2", '{"password": "2", "port": 2}', f'{{"password": "{MASK}", "port": 2}}'),
            ("2", "apiKey=2&size=2", f"apiKey={MASK}&size=2"),
            ("2", "Password: 25, token='2'", f"Password: 25, token='{MASK}'"),
            ("abcd", "abcde", f"{MASK}e"),
        ],
    )
    def test_a_short_one_is_hidden_only_where_it_stands_as_a_value(self, secret: str, text: str, shown: str) -> None:
        redactor = Redactor()
        redactor.add([secret])
        assert redactor.apply(text) == shown

    def test_short_and_long_ones_are_hidden_side_by_side(self) -> None:
        redactor = Redactor()
        redactor.add(["x", "s3cr3t"])
        assert redactor.apply("x s3cr3t pwd=x pwd=s3cr3t") == f"x {MASK} pwd={MASK} pwd={MASK}"

    def test_the_password_of_an_address_is_one_by_itself(self) -> None:
        redactor = Redactor()
        redactor.add(["http://reader:p%40ss@mlflow:5000"])
        shown = redactor.apply("reader with p@ss or p%40ss at http://mlflow:5000")
        assert shown == f"reader with {MASK} or {MASK} at http://mlflow:5000"


class TestRunLogHandler:
    def test_it_hands_on_what_belongs_to_a_run(self) -> None:
        heard: list[tuple[str, str, str, str]] = []
        with handler(lambda run, _at, level, name, message: heard.append((run.run_id, level, name, message))):
            logger.warning("outside")
            with bind_run("7", "shop", 1):
                redact(["s3cr3t"])
                logger.warning("inside %s", "s3cr3t")
                logger.debug("below")
        assert heard == [("7", "WARNING", logger.name, f"inside {MASK}")]

    def test_a_traceback_comes_below_its_message(self) -> None:
        heard: list[str] = []
        with (
            handler(lambda _run, at, _level, _name, message: heard.append(f"{at.utcoffset()} {message}")),
            bind_run("7", "shop", 1),
        ):
            try:
                lose("gone")
            except LookupError:
                logger.exception("failed")
        assert heard[0].startswith("0:00:00 failed\nTraceback")

    def test_what_the_callback_raises_is_its_own_affair(self) -> None:
        def fail(run: RunContext, at: datetime, level: str, name: str, message: str) -> None:
            raise LookupError(message)

        with handler(fail), bind_run("7", "shop", 1):
            logger.warning("heard")

    def test_what_the_callback_logs_does_not_come_back(self) -> None:
        heard: list[str] = []

        def note(run: RunContext, at: datetime, level: str, name: str, message: str) -> None:
            heard.append(message)
            logger.warning("noted")

        with handler(note), bind_run("7", "shop", 1):
            logger.warning("first")
            logger.warning("second")
        assert heard == ["first", "second"]
