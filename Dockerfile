FROM python:3.11-slim AS build
WORKDIR /app
COPY setup.cfg pyproject.toml constraints.txt README.md ./
COPY cli.py celeryconfig.py ./
COPY commands commands
COPY coordination coordination
COPY dashboard dashboard
COPY migrations migrations
COPY pipeline pipeline
COPY schemas schemas
COPY tasks tasks
COPY workers workers
# Editable, as in development: configuration, page and migrations are read where they lie.
# What learns models is large, and only their worker needs it: EXTRA=[training].
ARG EXTRA=""
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir --constraint constraints.txt --editable ".${EXTRA}"

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin service6 \
    && install -d -o service6 -g service6 -m 0700 /state
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    OPENBLAS_NUM_THREADS=1 \
    SERVICE6_ENV=production \
    SERVICE6_STATE_DIR=/state
USER service6
EXPOSE 8000
CMD ["python", "-m", "workers.api"]
