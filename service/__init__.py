"""The Headwater service: workflows, schedules, runs and the REST API over them."""
