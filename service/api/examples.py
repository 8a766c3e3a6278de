"""What requests and answers look like, for the OpenAPI document."""

from typing import Final

from service.workflows.documents import Json

SHOP: Final[Json] = {
    "name": "shop-nightly",
    "description": "The shop's database, every night",
    "labels": {"team": "data"},
    "enabled": True,
    "schedule": {"cron": "0 2 * * *", "timezone": "Europe/Berlin", "jitterSeconds": 0},
    "policy": {
        "overlap": "skip",
        "misfire": "latest",
        "misfireGraceSeconds": 3600,
        "maxAttempts": 3,
        "retryDelaySeconds": 60,
        "retryBackoff": 2.0,
        "timeoutSeconds": 7200,
        "priority": 0,
        "pool": "default",
        "isolation": "thread",
        "pauseAfterFailures": None,
    },
    "config": {
        "source": {
            "type": "postgres",
            "serviceName": "shop",
            "serviceConnection": {
                "config": {
                    "type": "Postgres",
                    "username": "reader",
                    "authType": {"password": "secret:shop-pg"},
                    "hostPort": "db:5432",
                    "database": "shop",
                }
            },
            "sourceConfig": {
                "config": {
                    "type": "DatabaseMetadata",
                    "schemaFilterPattern": {"includes": ["^sales"]},
                    "threads": 4,
                }
            },
        },
        "sink": {"type": "metadata-rest", "config": {}},
        "workflowConfig": {
            "loggerLevel": "INFO",
            "openMetadataServerConfig": {
                "hostPort": "http://om:8585/api",
                "authProvider": "openmetadata",
                "securityConfig": {"jwtToken": "secret:om-bot"},
            },
        },
    },
}

RUN: Final[Json] = {
    "id": "6f1c7a52-7f0e-4a7e-9d3c-0a4d3f1b2c55",
    "workflow": "shop-nightly",
    "connector": "postgres",
    "revision": 3,
    "trigger": "schedule",
    "scheduledFor": "2026-11-22T01:00:00Z",
    "state": "running",
    "priority": 0,
    "pool": "default",
    "attempt": 1,
    "queuedAt": "2026-11-22T01:00:00Z",
    "availableAt": "2026-11-22T01:00:00Z",
    "startedAt": "2026-11-22T01:00:01Z",
    "finishedAt": None,
    "worker": "headwater-0-1f3a",
    "cancelRequestedAt": None,
    "cancelReason": None,
    "counts": {
        "written": 812,
        "unchanged": 0,
        "filtered": 3,
        "failed": 0,
        "deleted": 0,
        "byType": {"table": {"written": 800}},
    },
    "progress": {"table": {"processed": 800, "expected": 1100}, "etaSeconds": 4},
    "error": None,
    "overrides": {},
}

ROLLBACK: Final[Json] = {"revision": 2}
BACKFILL: Final[Json] = {"from": "2026-11-01T00:00:00Z", "to": "2026-11-08T00:00:00Z"}
RUN_NOW: Final[Json] = {
    "overrides": {"source": {"sourceConfig": {"config": {"includeDDL": True}}}},
    "priority": 10,
}
SECRET: Final[Json] = {"value": "the password itself"}
CHECK: Final[Json] = {
    "connection": {
        "type": "Postgres",
        "username": "reader",
        "authType": {"password": "secret:shop-pg"},
        "hostPort": "db:5432",
        "database": "shop",
    }
}

PATCH: Final[Json] = {"schedule": {"cron": "30 3 * * *"}, "labels": {"team": None}}

PROBLEM: Final[Json] = {
    "type": "urn:headwater:problem:invalid",
    "title": "The input is wrong",
    "status": 422,
    "detail": "policy.maxAttempts: must be at least 1",
    "instance": "/api/v1/workflows",
    "problems": [{"path": "policy.maxAttempts", "message": "must be at least 1"}],
    "requestId": "0b6d4f7e9d3b4c55a8c7f1f5a2a3b4c5",
}
KEY: Json = {"name": "ci", "role": "operator", "expiresAt": "2027-01-01T00:00:00Z"}
KEY_CHANGE: Json = {"expiresAt": "2026-12-31T00:00:00Z"}
