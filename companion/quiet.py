"""Keeps the chatter of native libraries out of a notebook's stored outputs."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

# Read by the libraries when they are first imported; what the reader has set wins.
_SILENCE = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "-1",
    "GLOG_minloglevel": "2",
    "GRPC_VERBOSITY": "ERROR",
}


@contextmanager
def quiet(*, prints: bool = False) -> Iterator[None]:
    """Run a block with warnings off and everything written to standard error dropped, native code's included.

    Only for imports and calls that log where Python's own switches don't reach, such as TensorFlow's start-up banner.
    With ``prints`` what they print goes too. Whatever they say is lost, so keep such blocks short; a Python exception
    passes through untouched.

    >>> with quiet():
    ...     import this_is_where_tensorflow_goes  # doctest: +SKIP
    """
    for name, value in _SILENCE.items():
        os.environ.setdefault(name, value)
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        with ExitStack() as stack:
            silent = stack.enter_context(open(os.devnull, "w"))
            stack.enter_context(redirect_stderr(silent))
            if prints:
                stack.enter_context(redirect_stdout(silent))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
