"""The contract by which an OpenMetadata server drives its pipeline service, in place of Airflow.

The routes, their input and their answers are OpenMetadata's: names of parameters, `{"error": text}`, HTTP Basic. What
is deployed is an ordinary workflow of this service.
"""
