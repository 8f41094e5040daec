#!/bin/sh
# Builds images of docker/: companion/NAME:latest, also tagged with the book's version, as k8s/ names it. A service with a model needs
# it trained; recommender has none; worker (Dask's and Spark's machines) and book (JupyterLab) are the two targets of docker/book.
#
# usage: scripts/images.sh [NAME ...]      default: both services. COMPANION_BASE_IMAGE: what to build on, default python:3.12-slim
set -eu
cd "$(dirname "$0")/.."
docker version >/dev/null 2>&1 || { echo "no Docker engine answers: install one, or set DOCKER_HOST" >&2; exit 1; }
[ $# -gt 0 ] || set -- model_server nlp_service
# a package index that pip is told to use here is used in the build too; it is no part of the image. On a machine with nothing but
# Docker there is no environment yet, and only the variable can say one
INDEX=${PIP_INDEX_URL:-}
[ ! -x .venv/bin/python ] || INDEX=$(.venv/bin/python -c 'from companion.engines import docker; print(docker.package_index() or "")')
VERSION=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' companion/__init__.py)
build() { # TAG FOLDER OPTION...; the classic builder where there is no other; its log only when it fails
  tag=$1 context=$2
  shift 2
  log=$(docker build --tag "$tag" "$@" --build-arg "BASE_IMAGE=${COMPANION_BASE_IMAGE:-python:3.12-slim}" \
    ${INDEX:+--build-arg "PIP_INDEX_URL=$INDEX"} "$context" 2>&1) || { printf '\n%s\n' "$log" >&2; exit 1; }
}
for name; do
  case $name in
    recommender | worker | book) model=no ;;
    ranking) echo "docker/ranking has no program of its own: the notebook scaling_strategy writes and builds it" >&2; exit 1 ;;
    *) model=yes ;;
  esac
  [ $model != yes ] || [ -f "docker/$name/model/manifest.json" ] || { echo "docker/$name has no model: make models" >&2; exit 1; }
  printf 'building companion/%s ... ' "$name"
  # a name for the packages' stage keeps it in the cache when a notebook removes what it has built on top
  [ $model != yes ] || build companion/packages:latest docker/ --file "docker/$name/Dockerfile" --target packages
  case $name in
    worker | book) build "companion/$name:latest" . --file docker/book/Dockerfile --target "$name" ;;
    *) build "companion/$name:latest" docker/ --file "docker/$name/Dockerfile" ;;
  esac
  # a version's name that moves is said, not hidden: who has to be sure names an image by its digest
  was=$(docker image inspect --format '{{.Id}}' "companion/$name:$VERSION" 2>/dev/null) || was=
  now=$(docker image inspect --format '{{.Id}}' "companion/$name:latest")
  [ -z "$was" ] || [ "$was" = "$now" ] || printf '(companion/%s:%s was another image before: %s) ' "$name" "$VERSION" "$was"
  docker tag "companion/$name:latest" "companion/$name:$VERSION"
  docker image inspect --format '{{.Size}}' "companion/$name:latest" | awk '{ printf "%.0f MB\n", $1 / 1e6 }'
done
