# syntax=docker/dockerfile:1
# One image for every role: `serve` (HEADWATER_ROLES says which part), `migrate`, `apply`, `run`.
# For a base pinned by content: --build-arg BASE=python:3.11.14-slim-bookworm@sha256:...
ARG BASE=python:3.11.14-slim-bookworm

FROM ${BASE} AS build
# Extras of pyproject.toml, comma separated: the drivers, and `embedded` for a store of its own.
ARG EXTRAS=embedded,postgres
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# Only what the locks name, checked against their hashes, is to be had in the steps that follow.
RUN python3 -m venv /build \
    && /build/bin/pip install --quiet --require-hashes --no-deps -r requirements-build.lock \
    && /build/bin/pip download --quiet --require-hashes --no-deps --only-binary :all: -d /wheels -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY connectors connectors
COPY migrations migrations
COPY service service
RUN /build/bin/pip wheel --quiet --no-deps --no-build-isolation -w /wheels . \
    && python3 -m venv --without-pip /opt/headwater \
    && /build/bin/pip --python /opt/headwater/bin/python install --quiet --no-index --find-links /wheels \
        --no-compile "headwater[${EXTRAS}]" \
    && install /build/bin/dumb-init /opt/headwater/bin/ \
    && /opt/headwater/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/headwater/lib

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="headwater" \
    org.opencontainers.image.description="Schedules metadata ingestion: takes OpenMetadata workflow definitions" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
RUN groupadd --gid 10001 headwater \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin headwater \
    && install --directory --owner 10001 --group 10001 --mode 0750 /data
COPY --from=build /opt/headwater /opt/headwater
ENV PATH=/opt/headwater/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/data \
    HEADWATER_DATA_DIR=/data
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8080
STOPSIGNAL SIGTERM
# Kubernetes has probes of its own; this one is for an engine without them.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('HEADWATER_PORT', '8080') + '/health/live', timeout=4)"]
# Process 1 reaps what runs leave behind, and hands signals to the service alone, which ends its own processes in order.
ENTRYPOINT ["dumb-init", "--single-child", "--", "headwater"]
CMD ["serve"]
