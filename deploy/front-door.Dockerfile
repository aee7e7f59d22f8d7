# nginx with the inbox page: docker build -f deploy/front-door.Dockerfile .
ARG NODE=node:22-slim
ARG NGINX=nginx:1.30-alpine

FROM ${NODE} AS build
WORKDIR /source/frontend
COPY frontend/package.json frontend/package-lock.json frontend/.npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
COPY clients/javascript/src ../clients/javascript/src
COPY frontend .
RUN npm run build

FROM ${NGINX}
COPY --from=build /source/frontend/dist /usr/share/switchboard/inbox
COPY deploy/nginx.conf /etc/switchboard/nginx.conf
COPY deploy/start-front-door /usr/local/bin/
USER 10001:10001
CMD ["sh", "/usr/local/bin/start-front-door"]
