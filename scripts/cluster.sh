#!/bin/sh
# The small cluster of docker/compose.yaml: both services behind a proxy, Dask, Redis, PostgreSQL.
#
# usage: scripts/cluster.sh up|down      COMPOSE_PROFILES=monitoring,jenkins for Prometheus and Jenkins too
#                                        CLUSTER_SERVICES="dask_worker redis" for some only
# Its passwords are made once and kept in .cache/cluster.env, which only you can read; `down` removes them with the data.
set -eu
cd "$(dirname "$0")/.."
fail() { echo "$*" >&2; exit 1; }
docker version >/dev/null 2>&1 || fail "no Docker engine answers. Debian: apt-get install docker.io; or set DOCKER_HOST"
if docker compose version >/dev/null 2>&1; then compose="docker compose"
elif command -v docker-compose >/dev/null; then compose="docker-compose"
else fail "no compose: install the docker compose plugin, or Debian's docker-compose"; fi
SECRETS=.cache/cluster.env
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

case ${1:-} in
up)
  mkdir -p .cache
  if ! [ -f $SECRETS ]; then
    (umask 077 && printf 'REDIS_PASSWORD=%s\nPOSTGRES_PASSWORD=%s\n' "$(secret)" "$(secret)" > $SECRETS)
  fi
  # what is set already wins
  kept_redis=${REDIS_PASSWORD:-} kept_postgres=${POSTGRES_PASSWORD:-}
  . ./$SECRETS
  export REDIS_PASSWORD="${kept_redis:-$REDIS_PASSWORD}" POSTGRES_PASSWORD="${kept_postgres:-$POSTGRES_PASSWORD}"
  # shellcheck disable=SC2086  # words are meant
  $compose -p companion-cluster -f docker/compose.yaml up -d --build ${CLUSTER_SERVICES:-}
  echo
  echo "It runs, on this machine's loopback only. For the notebooks (the passwords are in $SECRETS):"
  echo "  . ./$SECRETS"
  echo "  export DASK_SCHEDULER_ADDRESS=tcp://127.0.0.1:${DASK_PORT:-8786}"
  echo "  export REDIS_URL=redis://:\$REDIS_PASSWORD@127.0.0.1:${REDIS_PORT:-6379}/0"
  echo "  export DATABASE_URL=postgresql://companion:\$POSTGRES_PASSWORD@127.0.0.1:${POSTGRES_PORT:-5432}/companion"
  echo "The services: http://127.0.0.1:${PROXY_PORT:-8080}/model/ and /nlp/. Stop it: make cluster-down"
  ;;
down)
  # compose wants the variables even to remove; their values don't matter here
  REDIS_PASSWORD=none POSTGRES_PASSWORD=none COMPOSE_PROFILES=monitoring,jenkins \
    $compose -p companion-cluster -f docker/compose.yaml down --volumes --remove-orphans
  rm -f $SECRETS
  ;;
*) fail "usage: scripts/cluster.sh up|down" ;;
esac
