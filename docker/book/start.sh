#!/bin/sh
# What `docker run companion/book` does: as `make lab`, the state of the engines, then JupyterLab on the start page.
# It listens on the container's every address, which only the ports that `docker run -p 127.0.0.1:...` publishes lead to,
# and wants the token that it prints. JUPYTER_TOKEN sets another one; further options of JupyterLab: docker run ... companion/book docker/book/start.sh OPTIONS
set -eu
cd "$(dirname "$0")/../.."
python -m companion doctor || echo "The notebooks of a missing engine can't run; all others can."
# in a cluster it runs as whoever shares the files, which may be root
[ "$(id -u)" != 0 ] || set -- --allow-root "$@"
exec python -m jupyterlab --ip=0.0.0.0 --port=8888 --no-browser \
  --LabApp.default_url=/lab/tree/notebooks/00-start-here/start_here.ipynb "$@"
