# The product's image: API, worker and one-shot commands are the same image with another command.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/planwright
COPY requirements-runtime.lock /tmp/
RUN /opt/planwright/bin/pip install --no-deps --require-hashes -r /tmp/requirements-runtime.lock \
 && /opt/planwright/bin/pip uninstall --yes pip setuptools
RUN printf '#!/bin/sh\nexec /opt/planwright/bin/python -m ops.cli "$@"\n' > /opt/planwright/bin/planwright \
 && chmod 755 /opt/planwright/bin/planwright

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin planwright
COPY --from=build /opt/planwright /opt/planwright
WORKDIR /app
COPY . /app
RUN /opt/planwright/bin/python -m compileall -q /app
ENV PATH=/opt/planwright/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 8000 8001
CMD ["planwright", "api"]
