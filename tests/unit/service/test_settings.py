"""Settings as an operator meets them: variables in, one clear answer out."""

import base64
import logging
import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from service.errors import Invalid
from service.settings import Settings, default_data_dir
from service.settings.environment import load_settings, variable

KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()


def refusal(**environ: str) -> str:
    with pytest.raises(Invalid) as raised:
        load_settings({f"HEADWATER_{name}": value for name, value in environ.items()})
    return "\n".join(str(problem) for problem in raised.value.problems)


def load(**environ: str) -> Settings:
    return load_settings({f"HEADWATER_{name}": value for name, value in environ.items()})


class TestDefaults:
    def test_nothing_set(self) -> None:
        settings = load()
        assert (settings.host, settings.port, settings.roles) == ("127.0.0.1", 8080, ("api", "timer", "worker"))
        assert settings.database_url is None
        assert (settings.lease_seconds, settings.heartbeat_seconds) == (30, 5)
        assert (settings.retention_runs_days, settings.retention_runs_per_workflow) == (30, 1000)
        assert settings.secret_keys == ()

    def test_an_empty_variable_is_an_unset_one(self) -> None:
        assert load(PORT="", DATABASE_URL="", ROLES="") == load()

    def test_the_process_environment_does_not_leak_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HEADWATER_PORT", "9999")
        assert load().port == 8080
        assert Settings().port == 8080

    def test_the_heartbeat_follows_the_lease(self) -> None:
        assert load(LEASE_SECONDS="3").heartbeat_seconds == 0.5

    def test_data_goes_where_the_user_may_write(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        assert default_data_dir() in {Path("/var/lib/headwater"), tmp_path / "headwater"}

    def test_every_field_is_described(self) -> None:
        assert all(field.description for field in Settings.model_fields.values())

    def test_they_are_frozen(self) -> None:
        with pytest.raises(ValidationError):
            load().__setattr__("port", 1)


class TestValues:
    def test_lists_are_comma_lists(self) -> None:
        settings = load(ROLES="api, worker", WORKER_POOLS="default,heavy", POOL_LIMITS="heavy=2, default=10")
        assert settings.roles == ("api", "worker")
        assert settings.worker_pools == ("default", "heavy")
        assert settings.pool_limits == {"heavy": 2, "default": 10}

    def test_the_log_level_may_be_in_any_case(self) -> None:
        assert load(LOG_LEVEL="debug").log_level == "DEBUG"

    def test_the_first_of_several_secret_keys_comes_first(self) -> None:
        other = base64.urlsafe_b64encode(bytes(32)).decode()
        assert load(SECRET_KEY=f"{KEY}, {other}").secret_keys == (KEY, other)

    def test_secrets_are_not_shown(self) -> None:
        settings = load(DATABASE_URL="postgres://u:hidden@h/d", SECRET_KEY=KEY)
        assert "hidden" not in repr(settings)
        assert KEY not in settings.model_dump_json()

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost"])
    def test_loopback_needs_no_permission(self, host: str) -> None:
        assert load(HOST=host).host == host

    @pytest.mark.parametrize(
        ("environ", "auth"),
        [
            ({}, "none"),
            ({"HOST": "::1"}, "none"),
            ({"ADMIN_KEY": "k" * 32}, "keys"),
            ({"ADMIN_KEY": "secret:admin"}, "keys"),
            ({"ADMIN_KEY": "k" * 32, "AUTH": "none"}, "none"),
            ({"HOST": "10.1.2.3"}, "keys"),
            ({"HOST": "::", "AUTH": "keys"}, "keys"),
        ],
    )
    def test_keys_are_asked_for_unless_only_this_machine_can_call(self, environ: dict[str, str], auth: str) -> None:
        assert load(**environ).auth == auth

    def test_keys_of_administrators_are_a_list_and_not_shown(self) -> None:
        settings = load(ADMIN_KEY=f"secret:admin, {'k' * 32}")
        assert settings.admin_keys == ("secret:admin", "k" * 32)
        assert "kkk" not in repr(settings)

    def test_what_the_commands_read_is_no_unknown_setting(self, caplog: pytest.LogCaptureFixture) -> None:
        load(API_KEY="x")
        assert not caplog.records


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value", "words"),
        [
            (
                "PORT",
                "http",
                "HEADWATER_PORT: Input should be a valid integer.*'http'.*TCP port of the API, 0 to 65535",
            ),
            ("PORT", "70000", "HEADWATER_PORT: .*less than or equal to 65535"),
            ("ROLES", "api,tmier", "HEADWATER_ROLES: .*'api', 'timer' or 'worker'.*'tmier'"),
            ("ROLES", "api,api", "HEADWATER_ROLES: must name each one only once"),
            ("ROLES", ",", "HEADWATER_ROLES: .*at least 1"),
            ("POOL_LIMITS", "heavy:2", "HEADWATER_POOL_LIMITS: write it as pool=limit"),
            ("POOL_LIMITS", "heavy=-1", "HEADWATER_POOL_LIMITS: .*greater than or equal to 0"),
            ("POOL_LIMITS", "heavy=9999999999", "HEADWATER_POOL_LIMITS: .*less than or equal to 1000000"),
            ("POOL_LIMITS", "very heavy=1", "HEADWATER_POOL_LIMITS: 'very heavy' is not the name of a pool"),
            ("WORKER_POOLS", "default;heavy", "HEADWATER_WORKER_POOLS: 'default;heavy' is not the name.*commas"),
            ("DATABASE_URL", "mysql://u:hidden@h/d", "HEADWATER_DATABASE_URL: write it as postgresql://"),
            (
                "SECRET_KEY",
                "hidden",
                "HEADWATER_SECRET_KEY: every key must be 32 bytes in urlsafe base64; make one with",
            ),
            (
                "HEARTBEAT_SECONDS",
                "11",
                "HEADWATER_HEARTBEAT_SECONDS: must be at most a third of HEADWATER_LEASE_SECONDS",
            ),
            ("ADMIN_KEY", "hidden", "HEADWATER_ADMIN_KEY: every key must be 32 to 256.*openssl rand -hex 32"),
            ("ADMIN_KEY", f"{'k' * 32},{'hidden ' * 6}", "HEADWATER_ADMIN_KEY: every key must be"),
            ("AUTH", "basic", "HEADWATER_AUTH: .*'keys' or 'none'.*'basic'"),
            ("METRICS_AUTH", "yes", "HEADWATER_METRICS_AUTH: .*'keys' or 'none'"),
            ("TRUSTED_PROXIES", "10.0.0.0/8,proxy", "HEADWATER_TRUSTED_PROXIES: 'proxy' is neither an address nor"),
            ("RATE_LIMIT", "-1", "HEADWATER_RATE_LIMIT: .*greater than or equal to 0"),
            ("FAILED_LOGINS_PER_MINUTE", "0", "HEADWATER_FAILED_LOGINS_PER_MINUTE: .*greater than or equal to 1"),
            ("RETENTION_AUDIT_DAYS", "0", "HEADWATER_RETENTION_AUDIT_DAYS: .*greater than 0"),
            (
                "WORKER_SLOT",
                "3",
                "HEADWATER_WORKER_SLOT: there is no such setting; did you mean HEADWATER_WORKER_SLOTS?",
            ),
        ],
    )
    def test_one_wrong_variable(self, name: str, value: str, words: str) -> None:
        said = refusal(**{name: value})
        assert len(said.splitlines()) == 1
        assert re.search(words, said), said
        assert "hidden" not in said

    @pytest.mark.parametrize("host", ["::", "10.1.2.3", "example.org"])
    def test_without_keys_no_other_address_than_loopback_is_bound(self, host: str) -> None:
        said = refusal(HOST=host, AUTH="none")
        assert said.startswith(f"HEADWATER_AUTH: HEADWATER_HOST={host} would offer an API without authentication")

    def test_all_wrong_variables_are_told_at_once(self) -> None:
        said = refusal(PORT="x", WORKER_SLOTS="0", WORKER_SLOT="1").splitlines()
        assert [line.partition(":")[0] for line in said] == [
            "HEADWATER_PORT",
            "HEADWATER_WORKER_SLOTS",
            "HEADWATER_WORKER_SLOT",
        ]

    @given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=20)))
    def test_whatever_is_set_the_answer_is_settings_or_problems(self, environ: dict[str, str]) -> None:
        with suppress(Invalid):
            load_settings({variable(field): text for field, text in environ.items()})


class TestOtherVariables:
    def test_an_unknown_one_is_warned_of(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.WARNING):
            load(FROM_ANOTHER_RELEASE="1")
        assert "Ignored HEADWATER_FROM_ANOTHER_RELEASE" in caplog.text

    def test_those_of_secrets_and_others_are_let_be(self, caplog: pytest.LogCaptureFixture) -> None:
        load_settings({"HEADWATER_SECRET_SHOP_PG": "x", "PATH": "/bin"})
        assert not caplog.records

    def test_kubernetes_service_links_are_let_be(self, caplog: pytest.LogCaptureFixture) -> None:
        settings = load(
            PORT="tcp://10.0.0.1:80",
            SERVICE_HOST="10.0.0.1",
            SERVICE_PORT_HTTP="80",
            PORT_80_TCP_ADDR="10.0.0.1",
            POSTGRES_SERVICE_PORT="5432",
            POSTGRES_PORT="tcp://10.0.0.2:5432",
        )
        assert settings.port == 8080
        assert not caplog.records
