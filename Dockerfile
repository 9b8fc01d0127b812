# docker build --tag script-tracking-exporter . && docker run --publish 10187:10187 --env DATABASE_URL script-tracking-exporter
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY exporter exporter
COPY sql sql
COPY deploy deploy
# The image gets what a user would install, the wheel, and neither pip nor a compiler.
RUN python3 -m venv --without-pip /opt/script-tracking-exporter \
 && python3 -m venv /build \
 && /build/bin/pip wheel --quiet --no-deps --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/script-tracking-exporter/bin/python3 install --quiet --no-cache-dir /wheels/*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="script-tracking-exporter" \
      org.opencontainers.image.description="Prometheus exporter that keeps a record of every DDL statement and declared operation in PostgreSQL" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/script-tracking-exporter /opt/script-tracking-exporter
ENV PATH=/opt/script-tracking-exporter/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SCRIPT_TRACKING_LISTEN=0.0.0.0:10187
# A number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 65532:65532
WORKDIR /tmp
EXPOSE 10187
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s --retries=3 CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['SCRIPT_TRACKING_LISTEN'].rpartition(':')[2] + '/-/healthy', timeout=2)"]
ENTRYPOINT ["script-tracking-exporter"]
CMD ["run"]
