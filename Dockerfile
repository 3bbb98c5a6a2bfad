# Two stages: the first makes wheels and a virtual environment, the second holds that environment only.
# The base is any Debian with Python 3.11 or newer that has pip and venv. The digest is that of the list of images for all
# platforms, as docker-library/repo-info has it (Python 3.11.16 of 2026-09-19). It stands in FROM, not in an argument:
# Dependabot renews it only there.
FROM python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS base

FROM base AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python3 -m venv /opt/build && python3 -m venv --without-pip /opt/smartsort

# Before the sources, so that a change of code does not fetch everything again.
COPY tools/build.lock requirements.lock ./
RUN /opt/build/bin/pip install --require-hashes --no-deps -r build.lock \
 && /opt/build/bin/pip wheel --require-hashes --no-deps -w /wheels -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY sidecar ./sidecar
COPY tui ./tui
COPY openapi ./openapi
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps -w /wheels . \
 && /opt/build/bin/pip --python /opt/smartsort/bin/python install --no-index --no-deps /wheels/*.whl

FROM base
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="smartsort" \
      org.opencontainers.image.description="A sidecar for Immich that files photos under the people on them" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"

# A new named volume takes its owner from this folder.
RUN groupadd --gid 1000 smartsort \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin smartsort \
 && install -d -o 1000 -g 1000 /data
COPY --from=build /opt/smartsort /opt/smartsort
COPY docker/entrypoint.py docker/healthcheck.py /usr/local/lib/smartsort/

# Nothing but /data and /tmp is written to, so the root file system may be read-only.
ENV PATH=/opt/smartsort/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TERM=xterm-256color \
    SMARTSORT_ROOT=/data \
    SMARTSORT_API__HOST=0.0.0.0
VOLUME /data
EXPOSE 8484
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/opt/smartsort/bin/python", "-I", "/usr/local/lib/smartsort/healthcheck.py"]
# Becomes PUID:PGID, then is replaced by the command.
ENTRYPOINT ["/opt/smartsort/bin/python", "-I", "/usr/local/lib/smartsort/entrypoint.py"]
CMD ["smartsort", "serve"]
