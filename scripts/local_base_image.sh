#!/bin/sh
# Makes a stand-in for the base image python:3.12-slim where no registry can be reached: a minimal Debian with a copy of the
# Python that .venv was made from. For tests on this machine; it gets no updates, so never publish it.
#
# usage: scripts/local_base_image.sh [TAG]      needs root, a Docker engine, mmdebstrap, a Debian with its sources in /etc/apt
set -eu
TAG=${1:-companion/base:3.12}
cd "$(dirname "$0")/.."
fail() { echo "$0: $*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "only root can unpack a Debian; pull python:3.12-slim instead, or use sudo"
command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing: apt-get install mmdebstrap"
docker version >/dev/null 2>&1 || fail "no Docker engine answers: start dockerd, or set DOCKER_HOST"
PYTHON=.venv/bin/python
[ -x $PYTHON ] || PYTHON=$(command -v python3) || fail "no Python: run make env"
PREFIX=$($PYTHON -c 'import sys; print(sys.base_prefix)')
VERSION=$($PYTHON -c 'import sys; print("%d.%d" % sys.version_info[:2])')
FULL=$($PYTHON -c 'import platform; print(platform.python_version())')
SUITE=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
# made before, of the same: kept, and with it every layer that was built on it. For a new one: docker rmi TAG
if [ "$(docker image inspect --format '{{index .Config.Labels "companion.base"}}' "$TAG" 2>/dev/null)" = "$SUITE $FULL apt" ]; then
  echo "$TAG"
  exit
fi

# where this machine itself gets its packages: the first entry with the suite's own name, in either of apt's two formats
MIRROR=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | awk -v suite="$SUITE" '
  /^#/ { next } /^URIs:/ { uri = $2 } /^Suites:/ { for (i = 2; i <= NF; i++) if ($i == suite) found = 1 }
  /^[[:space:]]*$/ { if (found && uri) { print uri; exit } uri = ""; found = 0 }
  END { if (found && uri) print uri }' | head -n 1)
[ -n "$MIRROR" ] || MIRROR=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}//p' | awk -v suite="$SUITE" '$2 == suite { print $1; exit }')
[ -n "$MIRROR" ] || fail "found no Debian source for ${SUITE:-this system} under /etc/apt"

WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
trap 'exit 1' INT TERM HUP
ROOT=$WORK/root
mmdebstrap --quiet --variant=minbase \
  --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
  --include=ca-certificates,libssl3,libffi8,libsqlite3-0,libbz2-1.0,liblzma5,zlib1g,libreadline8,libncursesw6,libuuid1,libexpat1,libgdbm6,libnsl2,libgomp1,netbase,tzdata \
  "$SUITE" "$ROOT" "$MIRROR"

LIBRARY=$(cd "$PREFIX" && ls "lib/libpython$VERSION.so.1.0" 2>/dev/null || true)
# shellcheck disable=SC2086  # LIBRARY may be empty
tar -C "$PREFIX" -cf - --exclude='__pycache__' --exclude="lib/python$VERSION/test" --exclude="lib/python$VERSION/config-*" \
  --exclude="lib/python$VERSION/idlelib" --exclude="lib/python$VERSION/tkinter" --exclude='_tkinter*' --exclude='site-packages/*' \
  "bin/python$VERSION" "lib/python$VERSION" $LIBRARY | tar -C "$ROOT/usr/local" -xf - --no-same-owner
ln -s "python$VERSION" "$ROOT/usr/local/bin/python3"
ln -s "python$VERSION" "$ROOT/usr/local/bin/python"
ln -s pip3 "$ROOT/usr/local/bin/pip"
find "$ROOT/usr/local/lib" -name '*.so*' -type f -exec strip --strip-unneeded {} + 2>/dev/null || true
chroot "$ROOT" ldconfig
chroot "$ROOT" python3 -m ensurepip --upgrade >/dev/null 2>&1 || fail "the copied Python has no pip"
# what this machine trusts: behind a proxy that opens TLS, its own certificate too
cp /etc/ssl/certs/ca-certificates.crt "$ROOT/etc/ssl/certs/ca-certificates.crt"
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' > "$ROOT/etc/pip.conf"
find "$ROOT/usr/local/lib" -name '__pycache__' -type d -prune -exec rm -rf {} +
rm -rf "$ROOT"/var/lib/apt/lists/* "$ROOT"/var/cache/apt/* "$ROOT"/var/log/* \
  "$ROOT"/etc/apt/apt.conf.d/99mmdebstrap "$ROOT"/etc/resolv.conf "$ROOT"/etc/hostname
tar -C "$ROOT" --numeric-owner -cf - . | docker import --change "LABEL companion.base=\"$SUITE $FULL apt\"" --change 'CMD ["python3"]' --change 'ENV LANG=C.UTF-8' \
  --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' - "$TAG" >/dev/null
echo "$TAG"
