"""``python -m companion.engines.pysyft`` prepares the environments of PySyft's jobs: once, with a network."""

from companion.engines.pysyft import prepare
from companion.errors import EngineUnavailable

print("preparing the environments of PySyft's jobs")
try:
    prepare()
except EngineUnavailable as unavailable:
    raise SystemExit(str(unavailable)) from None
