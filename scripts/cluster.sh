#!/bin/sh
# The small cluster of docker/compose.yaml: the services behind a proxy, Dask, Spark, Redis, PostgreSQL, Prometheus. It carries the
# notebooks: they run on this machine, or in JupyterLab in a container of the cluster, with the variables that `up` prints.
#
# usage: scripts/cluster.sh up|down      COMPOSE_PROFILES= for less: any of monitoring (Prometheus), recommender, lab (JupyterLab)
#                                        CLUSTER_SERVICES="dask_worker redis" for some only, DASK_WORKERS=4 SPARK_WORKERS=4 for more
#                                        COMPOSE_PROJECT_NAME for a second one beside it (with other *_PORT, see compose.yaml)
# Its passwords are made once and kept in .cache/PROJECT.env, its certificates in .cache/PROJECT/, which only you can read; `down`
# removes them with the data. Workers and notebooks share the scratch folder (COMPANION_WORKSPACE, or .workspace), so the workers run
# as you.
set -eu
cd "$(dirname "$0")/.."
fail() { echo "$*" >&2; exit 1; }
docker version >/dev/null 2>&1 || fail "no Docker engine answers. Debian: apt-get install docker.io; or set DOCKER_HOST"
if docker compose version >/dev/null 2>&1; then compose="docker compose"
elif command -v docker-compose >/dev/null; then compose="docker-compose"
else fail "no compose: install the docker compose plugin, or Debian's docker-compose"; fi
PROJECT=${COMPOSE_PROJECT_NAME:-companion-cluster}
SECRETS=.cache/$PROJECT.env
FOLDER=$(pwd -P)/.cache/$PROJECT
FILES=${COMPANION_WORKSPACE:-$(pwd -P)/.workspace}
COMPOSE_PROFILES=${COMPOSE_PROFILES-monitoring,recommender}
export COMPOSE_PROFILES CLUSTER_FOLDER="$FOLDER" CLUSTER_FILES="$FILES" CLUSTER_USER="${CLUSTER_USER:-$(id -u):$(id -g)}"
secret() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
profile() { case ",$COMPOSE_PROFILES," in *",$1,"*) return 0 ;; esac; return 1; }
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

PASSWORDS="REDIS_PASSWORD POSTGRES_PASSWORD RECOMMENDER_TOKEN CATALOGUE_PASSWORD FEATURES_REDIS_PASSWORD RANKING_SESSIONS_KEY PROMETHEUS_PASSWORD JUPYTER_TOKEN"
make_passwords() { # each once; what is set already wins
  [ -f "$SECRETS" ] || (umask 077 && : > "$SECRETS")
  for name in $PASSWORDS; do grep -q "^$name=" "$SECRETS" || echo "$name=$(secret)" >> "$SECRETS"; done
  while IFS='=' read -r name value; do
    eval "[ -n \"\${$name:-}\" ] || $name=\$value; export $name"
  done < "$SECRETS"
}

images() { # one that is not given is built, by what builds them everywhere else: one set of arguments, one cache
  [ -n "${MODEL_SERVER_IMAGE:-}" ] || ! wanted model_server proxy || scripts/images.sh model_server
  [ -n "${NLP_SERVICE_IMAGE:-}" ] || ! wanted nlp_service proxy || scripts/images.sh nlp_service
  [ -n "${WORKER_IMAGE:-}" ] || ! wanted dask_scheduler dask_worker spark_master spark_worker || scripts/images.sh worker
  [ -n "${RECOMMENDER_IMAGE:-}" ] || ! profile recommender || scripts/images.sh recommender
  [ -n "${BOOK_IMAGE:-}" ] || ! profile lab || scripts/images.sh book
}

files() { # once before the containers mount them, and once with the targets that are there then
  .venv/bin/python scripts/cluster_files.py "$FOLDER" --counters "${METRICS_PORT:-8082}" --dashboard "${DASK_DASHBOARD_PORT:-8787}" "$@"
}

running() { docker ps --filter "label=com.docker.compose.project=$PROJECT" --format '{{.Label "com.docker.compose.service"}}' | sort -u; }

exports() { # what leads a notebook on this machine to the cluster
  gateway=$(docker network inspect -f '{{(index .IPAM.Config 0).Gateway}}' "${PROJECT}_inside")
  echo
  echo "It runs, on this machine's loopback only. For the notebooks (the passwords are in $SECRETS):"
  echo "  . ./$SECRETS"
  echo "  export COMPANION_WORKSPACE=$(shown "$FILES")"
  echo "  export DASK_SCHEDULER_ADDRESS=tls://127.0.0.1:${DASK_PORT:-8786}"
  echo "  export DASK_DISTRIBUTED__COMM__TLS__CA_FILE=$(shown "$FOLDER/tls/certificate.pem")"
  echo "  export DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT=$(shown "$FOLDER/tls/certificate.pem")"
  echo "  export DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY=$(shown "$FOLDER/tls/key.pem")"
  echo "  export SPARK_MASTER=spark://127.0.0.1:${SPARK_PORT:-7077}"
  echo "  export SPARK_CONF_DIR=$(shown "$FOLDER/spark")"
  echo "  export SPARK_LOCAL_IP=$gateway"
  echo "  export PYSPARK_PYTHON=/opt/book/.venv/bin/python"
  echo "  export REDIS_URL=redis://:\$REDIS_PASSWORD@127.0.0.1:${REDIS_PORT:-6379}/0"
  echo "  export DATABASE_URL=postgresql://companion:\$POSTGRES_PASSWORD@127.0.0.1:${POSTGRES_PORT:-5432}/companion"
  if profile monitoring; then
    echo "  export PROMETHEUS_URL=http://companion:\$PROMETHEUS_PASSWORD@127.0.0.1:${PROMETHEUS_PORT:-9090}"
    echo "  export PROMETHEUS_FILE_SD=$(shown "$FOLDER/prometheus/targets")"
  fi
  echo "The services: http://127.0.0.1:${PROXY_PORT:-8080}/model/ and /nlp/ (with the recommender /shop/). Stop it: make cluster-down"
  if profile lab; then
    echo "JupyterLab in the cluster: http://127.0.0.1:${LAB_PORT:-8888}/?token=\$JUPYTER_TOKEN"
  fi
}
shown() { # below the checkout as the shell will make it, so that the lines can be typed anywhere in it
  case $1 in "$(pwd -P)"/*) echo "\$PWD/${1#"$(pwd -P)"/}" ;; *) echo "$1" ;; esac
}

case ${1:-} in
up)
  refuse_what_is_not_ours
  mkdir -p .cache "$FILES"
  make_passwords
  images
  files
  # shellcheck disable=SC2086  # words are meant
  $compose -p "$PROJECT" -f docker/compose.yaml up -d --no-build ${CLUSTER_SERVICES:-}
  # shellcheck disable=SC2046  # words are meant
  files --services $(running)
  exports
  ;;
down)
  refuse_what_is_not_ours
  # compose wants the variables even to remove; their values don't matter here
  REDIS_PASSWORD=none POSTGRES_PASSWORD=none COMPOSE_PROFILES=monitoring,recommender,lab \
    $compose -p "$PROJECT" -f docker/compose.yaml down --volumes --remove-orphans
  rm -rf $SECRETS "$FOLDER"
  ;;
*) fail "usage: scripts/cluster.sh up|down" ;;
esac
