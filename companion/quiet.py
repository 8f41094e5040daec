"""Keeps the chatter of native libraries out of a notebook's stored outputs, and, by name, their work off the GPU."""

import os
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout

# Read by the libraries when they are first imported; what the reader has set wins.
_SILENCE = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GLOG_minloglevel": "2",
    "GRPC_VERBOSITY": "ERROR",
}


@contextmanager
def quiet(*, prints: bool = False) -> Iterator[None]:
    """Run a block with warnings off and everything written to standard error dropped, native code's included.

    Only for imports and calls that log where Python's own switches don't reach, such as TensorFlow's start-up banner.
    With ``prints`` what they print goes too. Whatever they say is lost, so keep such blocks short; a Python exception
    passes through untouched, and so does this process' environment.

    >>> with quiet():
    ...     import this_is_where_tensorflow_goes  # doctest: +SKIP
    """
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        with ExitStack() as stack:
            stack.enter_context(variables({k: v for k, v in _SILENCE.items() if k not in os.environ}))
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


@contextmanager
def variables(values: dict[str, str]) -> Iterator[None]:
    """Run a block with these environment variables; afterwards they are as before."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def cpu_only() -> None:
    """Switch the GPU off for this process and all that it starts, before TensorFlow first looks for one.

    For notebooks whose figures have to come out the same on every machine. It sets ``CUDA_VISIBLE_DEVICES``.
    """
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
