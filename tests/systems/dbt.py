"""dbt: a project over DuckDB with a node of every kind that is read, built, tested and documented once."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from tests.systems import FOLDER, program

PROJECT: dict[str, str] = {
    "dbt_project.yml": """
name: shop
profile: shop
on-run-start:
  - create schema if not exists crm
  - >
    create table if not exists crm.crm_customers as
    select 1 as id, 'Ada' as name, timestamp '2020-01-01' as loaded_at
models:
  shop:
    +materialized: table
    staging:
      +materialized: view
""",
    "profiles.yml": """
shop:
  target: test
  outputs:
    test: {type: duckdb, path: shop.duckdb, threads: 2}
""",
    "seeds/raw_orders.csv": "id,customer_id,amount,state\n1,1,10,paid\n2,1,25,odd\n",
    "models/staging/stg_orders.sql": (
        "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('raw_orders') }}\n"
    ),
    "models/staging/stg_customers.sql": "select id, name from {{ source('crm', 'customers') }}\n",
    "models/marts/orders.sql": (
        "select o.id, o.amount, o.state, c.id as customer_id, c.name\n"
        "from {{ ref('stg_orders') }} o join {{ ref('stg_customers') }} c on c.id = o.customer_id\n"
    ),
    "models/marts/daily.sql": (
        "{{ config(materialized='incremental', alias='Daily.Sales') }}\n"
        "select state, sum(amount) as amount from {{ ref('orders') }} group by state\n"
    ),
    "snapshots/orders_history.sql": (
        "{% snapshot orders_history %}\n"
        "{{ config(target_schema='history', unique_key='id', strategy='check', check_cols='all') }}\n"
        "select * from {{ ref('raw_orders') }}\n"
        "{% endsnapshot %}\n"
    ),
    "tests/no_order_is_negative.sql": (
        "select o.id from {{ ref('orders') }} o join {{ ref('stg_customers') }} c on c.id = o.customer_id "
        "where o.amount < 0\n"
    ),
    "tests/daily_is_small.sql": "select * from {{ ref('daily') }}\n",
    "models/models.yml": """
groups:
  - name: finance
    owner: {name: Finance, email: finance@shop.test}
sources:
  - name: crm
    description: What the shop knows of people.
    schema: crm
    tables:
      - name: customers
        identifier: crm_customers
        description: People who bought.
        config:
          loaded_at_field: loaded_at
          freshness: {warn_after: {count: 1, period: day}, error_after: {count: 2, period: day}}
        columns:
          - name: id
            description: Their number.
            data_tests: [not_null]
models:
  - name: orders
    description: One row for each order.
    config:
      tags: [core, nightly]
      meta:
        owner: ada@shop.test
        openmetadata: {tier: Tier.Tier2, glossary: [Shop.Order]}
    columns:
      - name: ID
        description: Its number.
        config: {tags: [key]}
        data_tests: [unique, not_null]
      - name: state
        data_tests:
          - accepted_values:
              arguments: {values: [paid, open]}
              config: {severity: warn}
      - name: customer_id
        data_tests:
          - relationships:
              arguments: {to: ref('stg_customers'), field: id}
  - name: daily
    config: {group: finance}
exposures:
  - name: sales_board
    type: dashboard
    owner: {email: ada@shop.test}
    config: {meta: {open_metadata_fqn: bi.42}}
    depends_on: [ref('daily'), ref('stg_orders')]
  - name: exploring
    type: notebook
    owner: {email: ada@shop.test}
    depends_on: [ref('orders')]
""",
}
# The last one writes what is kept of the results; a test that fails, or a source that is old, ends it with 1.
COMMANDS = (["build"], ["docs", "generate"], ["source", "freshness"], ["build"])
ARTEFACTS = ("manifest", "catalog", "run_results", "sources")
READ = {
    "manifest": ("metadata", "nodes", "sources", "exposures", "groups"),
    "catalog": ("metadata", "nodes", "sources"),
    "run_results": ("metadata", "results"),
    "sources": ("metadata", "results"),
}


def prepare() -> Path:
    """The folder of the project, built once for each text of it; dbt's artefacts are in `target`."""
    digest = hashlib.sha256(json.dumps([PROJECT, COMMANDS]).encode()).hexdigest()[:8]
    home = FOLDER / "dbt" / f"project-{digest}"
    if (home / "ready").exists():
        return home
    shutil.rmtree(home, ignore_errors=True)
    for name, text in PROJECT.items():
        place = home / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text.lstrip("\n"), encoding="utf-8")
    environment = os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DBT_PROFILES_DIR": str(home)}
    for command in COMMANDS:
        done = subprocess.run(
            [program("dbt", "dbt"), "--no-use-colors", *command],
            check=False,
            cwd=home,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode in (0, 1), done.stdout[-3000:] + done.stderr[-2000:]
    assert all((home / "target" / f"{artefact}.json").exists() for artefact in ARTEFACTS)
    (home / "ready").touch()
    return home


def trimmed(home: Path) -> dict[str, Any]:
    """The artefacts without what is not read of them, which is most: the macros of dbt itself."""
    found: dict[str, Any] = {}
    for artefact in ARTEFACTS:
        whole = json.loads((home / "target" / f"{artefact}.json").read_text(encoding="utf-8"))
        found[artefact] = {key: whole[key] for key in READ[artefact]}
    for node in found["manifest"]["nodes"].values():
        node.pop("root_path", None)  # of the machine that built it
    return found


if __name__ == "__main__":
    golden = Path(__file__).parents[1] / "golden" / "dbt"
    golden.mkdir(exist_ok=True)
    for artefact, content in trimmed(prepare()).items():
        place = golden / f"{artefact}.json"
        place.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
