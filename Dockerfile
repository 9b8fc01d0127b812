# docker build --tag script-tracking-exporter . && docker run --publish 10187:10187 --env DATABASE_URL script-tracking-exporter
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /source
# Only what the wheel is made of: .dockerignore leaves out the rest.
COPY . .
# of the source, which comes without its repository; `make image` tells it
ARG SOURCE_COMMIT=
RUN python3 -m venv --without-pip /opt/script-tracking-exporter \
 && python3 -m venv /build \
 && /build/bin/pip wheel --quiet --no-deps --wheel-dir /wheels . \
 && /build/bin/pip --python /opt/script-tracking-exporter/bin/python3 install --quiet --no-cache-dir /wheels/*.whl

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="script-tracking-exporter" \
      org.opencontainers.image.description="Prometheus exporter that keeps a record of every DDL statement and declared operation in PostgreSQL" \
      org.opencontainers.image.licenses="Apache-2.0"
# What installs packages has no work to do in here, and would help an intruder.
RUN find / -xdev \( -name pip -o -name 'pip-*' -o -name 'pip[0-9]*' -o -name ensurepip \) -prune -exec rm -rf {} +
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
# Healthy is what answers at all, be it that it wants a password, or TLS: the check has neither password nor certificate.
# By a bare socket: an HTTP library would cost a tenth of a second of processor time on each of these.
HEALTHCHECK --interval=15s --timeout=3s --start-period=5s --retries=3 CMD ["python3", "-IS", "-c", "import os, socket; host, _, port = os.environ['SCRIPT_TRACKING_LISTEN'].rpartition(':'); s = socket.create_connection(('localhost' if host in ('0.0.0.0', '[::]') else host.strip('[]'), port), 2); s.sendall(b'GET /-/healthy HTTP/1.0\\r\\n\\r\\n'); raise SystemExit(s.recv(5) != b'HTTP/')"]
ENTRYPOINT ["script-tracking-exporter"]
CMD ["run"]
