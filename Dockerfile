# One recipe for four images: docker build --build-arg SERVICE=store .
# Each image contains one service, the shared code, and only the libraries that the service declares.
ARG PYTHON=python:3.11-slim

FROM ${PYTHON} AS build
ARG SERVICE
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /source
COPY deploy/build.lock deploy/
RUN python3 -m venv /build && /build/bin/pip install -q --require-hashes -r deploy/build.lock
COPY services/${SERVICE}/requirements.lock services/${SERVICE}/
RUN python3 -m venv /venv && /venv/bin/pip install -q --require-hashes -r services/${SERVICE}/requirements.lock
COPY shared shared
COPY services/${SERVICE} services/${SERVICE}
RUN /build/bin/pip wheel -q --no-deps --no-index --no-build-isolation -w /wheels ./shared ./services/${SERVICE} \
 && /venv/bin/pip install -q --no-deps --no-index /wheels/*.whl \
 && /venv/bin/python -m compileall -q /venv/lib \
 && printf '#!/bin/sh\nexec /venv/bin/python -m %s "$@"\n' "$(echo "${SERVICE}" | tr - _)" > /venv/bin/start \
 && chmod +x /venv/bin/start \
 && /venv/bin/pip uninstall -q -y pip setuptools

FROM ${PYTHON}
COPY --from=build /venv /venv
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 SWITCHBOARD_BIND_HOST=0.0.0.0
USER 10001:10001
WORKDIR /tmp
CMD ["start"]
