#!/bin/sh
# Makes .venv from requirements.lock: Python 3.12, every package at its locked version and hash, this package itself,
# JupyterLab's settings, and the environments of PySyft's jobs. A second run with nothing changed returns at once.
# Everything it downloads stays in .cache/, so that what it has made once works without a network.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*"; }
fail() { printf '\n%s\n' "$*" >&2; exit 1; }

WANTED=$(cat .python-version)
UV_CACHE_DIR="$PWD/.cache/uv"
UV_PYTHON_INSTALL_DIR="$PWD/.cache/python"
export UV_CACHE_DIR UV_PYTHON_INSTALL_DIR
unset VIRTUAL_ENV CONDA_PREFIX PYTHONPATH PYTHONHOME 2>/dev/null || true

# what the environment is made of, and where: a folder that was moved or copied gets a new one
stamp() { { pwd; cat requirements.lock pyproject.toml scripts/setup.sh scripts/lab_overrides.json; } | cksum; }
if [ -f .venv/companion.stamp ] && [ "$(cat .venv/companion.stamp)" = "$(stamp)" ]; then exit 0; fi

is_wanted() { "$1" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$WANTED')" 2>/dev/null; }

first_python() { # the first of its arguments that runs at all
  for name; do if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then say "$name"; return; fi; done
  return 1
}

make_venv() { # FOLDER PYTHON
  rm -rf "$1"
  "$2" -m venv "$1" >/dev/null 2>&1 || { rm -rf "$1"; fail "$2 can't make a virtual environment: its module venv is missing.
Debian/Ubuntu, as root: apt-get install python3-venv (for another Python than the system's: python$WANTED-venv)"; }
}

install_uv() { # FOLDER: uv at its locked version and hash, by plain pip; its wheel is kept, for a folder that is moved
  awk '/^uv==/{on=1} on{print} on&&!/\\$/{exit}' requirements.lock > "$1/uv.lock"
  pip() { "$1/bin/python" -m pip "$2" --quiet --disable-pip-version-check --require-hashes -r "$1/uv.lock" $3; }
  pip "$1" install "--no-index --find-links .cache/wheels" 2>/dev/null && return
  pip "$1" download "--dest .cache/wheels" && pip "$1" install "--no-index --find-links .cache/wheels" ||
    fail "uv could not be installed. The first run needs the network (a package registry); later ones don't."
}

python=
for name in "python$WANTED" python3 python; do if is_wanted "$name"; then python=$name; break; fi; done
if [ -z "$python" ]; then
  any=$(first_python python3 python) || fail "no Python found. Debian/Ubuntu, as root: apt-get install python3 python3-venv"
  say "no Python $WANTED here: getting one with uv (into .cache/python)"
  make_venv .cache/bootstrap "$any"
  install_uv .cache/bootstrap
  .cache/bootstrap/bin/uv python install --quiet "$WANTED" || fail "Python $WANTED is needed, and uv could not download it.
Install it yourself and run this again: with pyenv (pyenv install $WANTED), conda (conda env create -f environment.yml),
or your system's packages (python$WANTED and python$WANTED-venv)."
  python=$(.cache/bootstrap/bin/uv python find --managed-python "$WANTED")
fi

if ! [ -x .venv/bin/python ] || ! is_wanted .venv/bin/python || ! grep -qsF "$PWD/.venv" .venv/bin/activate; then
  say "making .venv with $("$python" --version)"
  make_venv .venv "$python"
fi
rm -f .venv/companion.stamp
[ -x .venv/bin/uv ] || install_uv .venv
say "installing the locked packages (the first time takes a few minutes)"
mkdir -p .cache
awk '/^[a-z]/{on=!/^riptide-ffa==/} on' requirements.lock > .cache/without-reference.lock
sync() { .venv/bin/uv pip sync --quiet --require-hashes --python .venv/bin/python "$@"; }
locked() { # all of the lock; without what has to be compiled where that is said, as in the book's image
  if [ -n "${COMPANION_WITHOUT_REFERENCE:-}" ]; then sync .cache/without-reference.lock "$@"; else sync requirements.lock "$@"; fi
}
# out of .cache alone where it has them all: uv would ask the registry about each package again
locked --offline 2>/dev/null || locked 2>.cache/sync.log ||
  { sync .cache/without-reference.lock 2>.cache/sync.log &&
    say "riptide-ffa, which one test compares with, is left out: it could not be compiled (Debian/Ubuntu, as root: apt-get install g++ python3-dev)"; } ||
  { cat .cache/sync.log >&2
    fail "the locked packages could not be installed. The first run needs the network; run it again to go on where it stopped."; }
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --offline --python .venv/bin/python -e . || fail "the package itself could not be installed."
mkdir -p .venv/share/jupyter/lab/settings
cp scripts/lab_overrides.json .venv/share/jupyter/lab/settings/overrides.json
.venv/bin/python -m companion.engines.pysyft || fail "the environments of PySyft's jobs could not be prepared."
stamp > .venv/companion.stamp
