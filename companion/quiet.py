"""Keeps the chatter of native libraries out of a notebook's stored outputs."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Read by the libraries when they are first imported; what the reader has set wins.
_SILENCE = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "GLOG_minloglevel": "2",
    "GRPC_VERBOSITY": "ERROR",
}


@contextmanager
def quiet() -> Iterator[None]:
    """Run a block with warnings off and everything written to file descriptor 2 dropped.

    Only for imports and calls whose native code logs below Python's reach, such as TensorFlow's start-up banner.
    A Python exception passes through untouched.

    >>> with quiet():
    ...     import this_is_where_tensorflow_goes  # doctest: +SKIP
    """
    for name, value in _SILENCE.items():
        os.environ.setdefault(name, value)
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
