# syncstorm in an image: the wheel in a venv of its own, no compiler, no checkout, no root.

FROM python:3.13.7-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY simulator simulator
COPY faults faults
# The venv has no pip: what runs later cannot install anything.
RUN python -m pip wheel --no-cache-dir --disable-pip-version-check --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/syncstorm \
    && python -m pip --python /opt/syncstorm/bin/python install \
        --no-cache-dir --disable-pip-version-check --no-input --compile /wheels/*.whl

FROM python:3.13.7-slim-bookworm
LABEL org.opencontainers.image.title="syncstorm" \
    org.opencontainers.image.description="A WebSocket sync-channel fault simulator that fires your real Prometheus alerts" \
    org.opencontainers.image.licenses="Apache-2.0"
# A volume begins with the owner of the folder that it is mounted on.
RUN groupadd --system --gid 10001 syncstorm \
    && useradd --system --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/syncstorm --shell /usr/sbin/nologin syncstorm \
    && install --directory --owner 10001 --group 10001 /rules /var/lib/syncstorm
COPY --from=build /opt/syncstorm /opt/syncstorm
COPY deploy/healthcheck.py deploy/unwrap_rules.py /opt/syncstorm/deploy/
ENV PATH=/opt/syncstorm/bin:$PATH \
    HOME=/var/lib/syncstorm \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
WORKDIR /tmp
EXPOSE 4000 4001 4002
HEALTHCHECK --interval=5s --timeout=5s --start-period=20s --retries=6 \
    CMD ["python", "/opt/syncstorm/deploy/healthcheck.py", "answers", "http://127.0.0.1:4000/healthz", "http://127.0.0.1:4001/healthz"]
ENTRYPOINT ["syncstorm"]
CMD ["serve", "--host", "0.0.0.0", "--port", "4000", "--token-port", "4001", "--control-host", "0.0.0.0", "--control-port", "4002"]
