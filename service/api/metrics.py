"""What Prometheus scrapes."""

from fastapi import APIRouter, Response

from service.api.dependencies import ServicesDep
from service.metrics import CONTENT_TYPE

router = APIRouter(tags=["health"])


@router.get("/metrics", summary="Metrics in the text format of Prometheus", response_class=Response)
def metrics(services: ServicesDep) -> Response:
    """All metrics of this process."""
    return Response(services.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
