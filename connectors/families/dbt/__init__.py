"""dbt: what its artefacts say of tables, their tests and their lineage."""
