# The images of docker-compose.yml, one target each: collector, forwarder, streams, headrace, superset.
ARG PYTHON_IMAGE=python:3.11.13-slim-bookworm

# uv creates the environments and stays in this stage.
FROM ${PYTHON_IMAGE} AS installer
COPY requirements/installer.lock /requirements/
RUN python -m venv /installer && /installer/bin/python -m pip install --no-cache-dir --require-hashes -r /requirements/installer.lock
ENV PATH=/installer/bin:$PATH VIRTUAL_ENV=/opt/headrace UV_NO_CACHE=1
RUN uv venv --python /usr/local/bin/python3 /opt/headrace

FROM installer AS collector-environment
COPY requirements/collector.lock /requirements/
RUN uv pip sync --compile-bytecode --require-hashes /requirements/collector.lock

FROM installer AS forwarder-environment
COPY requirements/forwarder.lock /requirements/
RUN uv pip sync --compile-bytecode --require-hashes /requirements/forwarder.lock

FROM installer AS streams-environment
COPY requirements/streams.lock /requirements/
RUN uv pip sync --compile-bytecode --require-hashes /requirements/streams.lock

FROM installer AS headrace-environment
COPY requirements/services.lock /requirements/
RUN uv pip sync --compile-bytecode --require-hashes /requirements/services.lock

FROM installer AS superset-environment
COPY requirements/superset.lock /requirements/
RUN uv pip sync --compile-bytecode --require-hashes /requirements/superset.lock

# Common to all images: an unprivileged user with one folder of its own.
FROM ${PYTHON_IMAGE} AS service
RUN groupadd --gid 10001 headrace && useradd --uid 10001 --gid 10001 --home-dir /var/lib/headrace --no-create-home headrace \
    && install --directory --owner=10001 --group=10001 --mode=700 /var/lib/headrace
ENV PATH=/opt/headrace/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
USER 10001:10001

FROM service AS collector
COPY --from=collector-environment /opt/headrace /opt/headrace
COPY startup startup
COPY schemas schemas
COPY topics topics
COPY enrichment enrichment
COPY cleaning cleaning
COPY mapping mapping
COPY collector collector
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8291/health/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "collector"]

FROM service AS forwarder
COPY --from=forwarder-environment /opt/headrace /opt/headrace
COPY startup startup
COPY schemas schemas
COPY topics topics
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8292/health/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "topics.forwarder"]

FROM service AS streams
COPY --from=streams-environment /opt/headrace /opt/headrace
COPY startup startup
COPY schemas schemas
COPY topics topics
COPY enrichment enrichment
COPY streams streams
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8292/health/ready', timeout=4)"]
ENTRYPOINT ["python", "-m", "streams"]

# The command, for one-off tasks: it contains all components.
FROM service AS headrace
COPY --from=headrace-environment /opt/headrace /opt/headrace
COPY startup startup
COPY schemas schemas
COPY topics topics
COPY enrichment enrichment
COPY cleaning cleaning
COPY mapping mapping
COPY collector collector
COPY streams streams
COPY minidruid minidruid
COPY simulator simulator
COPY headrace headrace
COPY druid druid
ENTRYPOINT ["python", "-m", "headrace"]

FROM service AS superset
COPY --from=superset-environment /opt/headrace /opt/headrace
COPY startup startup
COPY superset superset
WORKDIR /app/superset
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8088/health', timeout=8)"]
ENTRYPOINT ["gunicorn"]
CMD ["--bind", "0.0.0.0:8088"]
