"""Apache Airflow through its REST API, of Airflow 2 (v1) and of Airflow 3 (v2)."""
