"""What Superset 6.1 answers of one dashboard with one chart on one data set, cut to what is read of it."""

from typing import Any

PERSON = {"id": 1, "email": "reader@shop.example"}
DASHBOARD = {"id": 1, "dashboard_title": "Sales", "url": "/superset/dashboard/sales/", "published": True}
CHART = {"id": 1, "slice_name": "Orders by day", "viz_type": "line", "datasource_id": 1, "datasource_type": "table"}
DATA_SET = {"id": 1, "table_name": "orders", "schema": "public", "sql": None, "database": {"id": 1}}
ANSWERS: dict[str, Any] = {
    "POST /api/v1/security/login": {"access_token": "a-token"},
    "GET /api/v1/dashboard/": {"count": 1, "result": [{**DASHBOARD, "owners": [PERSON]}]},
    "GET /api/v1/chart/": {"count": 1, "result": [{**CHART, "dashboards": [{"id": 1}]}]},
    "GET /api/v1/dataset/": {"count": 1, "result": [DATA_SET]},
    "GET /api/v1/dataset/1": {"result": {"columns": [{"column_name": "id", "type": "BIGINT"}]}},
    "GET /api/v1/dataset/related/owners": {"count": 1, "result": [{"value": 1, "extra": {"email": PERSON["email"]}}]},
    "GET /api/v1/database/1/connection": {"result": {"sqlalchemy_uri": "postgresql+psycopg2://reader@db:5432/shop"}},
}
