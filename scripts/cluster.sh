#!/bin/sh
# The small cluster of docker/compose.yaml: both services behind a proxy, Dask, Redis, PostgreSQL.
#
# usage: scripts/cluster.sh up|down      COMPOSE_PROFILES=monitoring,recommender for Prometheus, the recommender too
#                                        CLUSTER_SERVICES="dask_worker redis" for some only
#                                        COMPOSE_PROJECT_NAME for a second one beside it (with other *_PORT, see compose.yaml)
# Its passwords are made once and kept in .cache/PROJECT.env, which only you can read; `down` removes them with the data.
set -eu
cd "$(dirname "$0")/.."
fail() { echo "$*" >&2; exit 1; }
docker version >/dev/null 2>&1 || fail "no Docker engine answers. Debian: apt-get install docker.io; or set DOCKER_HOST"
if docker compose version >/dev/null 2>&1; then compose="docker compose"
elif command -v docker-compose >/dev/null; then compose="docker-compose"
else fail "no compose: install the docker compose plugin, or Debian's docker-compose"; fi
PROJECT=${COMPOSE_PROJECT_NAME:-companion-cluster}
SECRETS=.cache/$PROJECT.env
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
wanted() { # whether one of these services is among those that are started
  [ -n "${CLUSTER_SERVICES:-}" ] || return 0
  for service; do case " $CLUSTER_SERVICES " in *" $service "*) return 0 ;; esac; done
  return 1
}

named() { docker "$1" ls -q --filter "label=com.docker.compose.project=$PROJECT"; }
refuse_what_is_not_ours() { # a compose project of this name that was not started from this checkout, or without its passwords
  for id in $(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT"); do
    from=$(docker inspect -f '{{index .Config.Labels "com.docker.compose.project.working_dir"}}' "$id")
    case $from in "$(pwd)/docker" | "$(pwd -P)/docker") ;; *) foreign="$foreign $(docker inspect -f '{{.Name}}' "$id")" ;; esac
  done
  [ -f "$SECRETS" ] || foreign="$foreign $(docker ps -aq --filter "label=com.docker.compose.project=$PROJECT") $(named volume) $(named network)"
  # shellcheck disable=SC2086  # words are meant
  set -- $foreign
  [ $# = 0 ] || fail "there is a compose project $PROJECT that was not started from here ($1 is of it): nothing was done. \
Choose another name (COMPOSE_PROJECT_NAME), or end that one with docker compose -p $PROJECT down where it belongs."
}
foreign=

case ${1:-} in
up)
  refuse_what_is_not_ours
  mkdir -p .cache
  if ! [ -f $SECRETS ]; then
    (umask 077 && printf 'REDIS_PASSWORD=%s\nPOSTGRES_PASSWORD=%s\n' "$(secret)" "$(secret)" > $SECRETS)
  fi
  grep -q '^RECOMMENDER_TOKEN=' $SECRETS ||
    printf 'RECOMMENDER_TOKEN=%s\nCATALOGUE_PASSWORD=%s\n' "$(secret)" "$(secret)" >> $SECRETS
  grep -q '^RANKING_SESSIONS_KEY=' $SECRETS ||
    printf 'FEATURES_REDIS_PASSWORD=%s\nRANKING_SESSIONS_KEY=%s\n' "$(secret)" "$(secret)" >> $SECRETS
  # what is set already wins
  kept_redis=${REDIS_PASSWORD:-} kept_postgres=${POSTGRES_PASSWORD:-}
  kept_token=${RECOMMENDER_TOKEN:-} kept_catalogue=${CATALOGUE_PASSWORD:-}
  kept_features=${FEATURES_REDIS_PASSWORD:-} kept_sessions=${RANKING_SESSIONS_KEY:-}
  . ./$SECRETS
  export FEATURES_REDIS_PASSWORD="${kept_features:-$FEATURES_REDIS_PASSWORD}"
  export RANKING_SESSIONS_KEY="${kept_sessions:-$RANKING_SESSIONS_KEY}"
  export RECOMMENDER_TOKEN="${kept_token:-$RECOMMENDER_TOKEN}" CATALOGUE_PASSWORD="${kept_catalogue:-$CATALOGUE_PASSWORD}"
  export REDIS_PASSWORD="${kept_redis:-$REDIS_PASSWORD}" POSTGRES_PASSWORD="${kept_postgres:-$POSTGRES_PASSWORD}"
  # an image that is not given is built, by what builds them everywhere else: one set of arguments, one cache
  [ -n "${MODEL_SERVER_IMAGE:-}" ] || ! wanted model_server proxy || scripts/images.sh model_server
  [ -n "${NLP_SERVICE_IMAGE:-}" ] || ! wanted nlp_service proxy || scripts/images.sh nlp_service
  [ -n "${DASK_IMAGE:-}" ] || ! wanted dask_scheduler dask_worker || scripts/images.sh dask
  case ",${COMPOSE_PROFILES:-}," in *,recommender,*) [ -n "${RECOMMENDER_IMAGE:-}" ] || scripts/images.sh recommender ;; esac
  # shellcheck disable=SC2086  # words are meant
  $compose -p "$PROJECT" -f docker/compose.yaml up -d --no-build ${CLUSTER_SERVICES:-}
  echo
  echo "It runs, on this machine's loopback only. For the notebooks (the passwords are in $SECRETS):"
  echo "  . ./$SECRETS"
  echo "  export DASK_SCHEDULER_ADDRESS=tcp://127.0.0.1:${DASK_PORT:-8786}"
  echo "  export REDIS_URL=redis://:\$REDIS_PASSWORD@127.0.0.1:${REDIS_PORT:-6379}/0"
  echo "  export DATABASE_URL=postgresql://companion:\$POSTGRES_PASSWORD@127.0.0.1:${POSTGRES_PORT:-5432}/companion"
  echo "The services: http://127.0.0.1:${PROXY_PORT:-8080}/model/ and /nlp/ (with the recommender /shop/). Stop it: make cluster-down"
  ;;
down)
  refuse_what_is_not_ours
  # compose wants the variables even to remove; their values don't matter here
  REDIS_PASSWORD=none POSTGRES_PASSWORD=none COMPOSE_PROFILES=monitoring,recommender \
    $compose -p "$PROJECT" -f docker/compose.yaml down --volumes --remove-orphans
  rm -f $SECRETS
  ;;
*) fail "usage: scripts/cluster.sh up|down" ;;
esac
