#!/bin/sh
# Builds the image of every service in docker/ that has a trained model: companion/NAME:latest.
#
# usage: scripts/images.sh [NAME ...]      COMPANION_BASE_IMAGE: what to build on, default python:3.12-slim
set -eu
cd "$(dirname "$0")/.."
docker version >/dev/null 2>&1 || { echo "no Docker engine answers: install one, or set DOCKER_HOST" >&2; exit 1; }
[ $# -gt 0 ] || set -- model_server nlp_service
# a package index that pip is told to use here is used in the build too; it is no part of the image
INDEX=${PIP_INDEX_URL:-$(.venv/bin/python -m pip config get global.index-url 2>/dev/null || true)}
for name; do
  [ -f "docker/$name/model/manifest.json" ] || { echo "docker/$name has no model: make models" >&2; exit 1; }
  printf 'building companion/%s ... ' "$name"
  # the classic builder where there is no other; its log only when it fails
  log=$(docker build --file "docker/$name/Dockerfile" --tag "companion/$name:latest" \
    --build-arg "BASE_IMAGE=${COMPANION_BASE_IMAGE:-python:3.12-slim}" ${INDEX:+--build-arg "PIP_INDEX_URL=$INDEX"} docker/ 2>&1) ||
    { printf '\n%s\n' "$log" >&2; exit 1; }
  docker image inspect --format '{{.Size}}' "companion/$name:latest" | awk '{ printf "%.0f MB\n", $1 / 1e6 }'
done
