"""LiteRT, the runtime of TensorFlow Lite: an ``Interpreter`` for a model, without TensorFlow in the process.

It connects to nothing: the engine is a library, and what the others call ``connect()`` is ``interpreter()`` here.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from companion.engines._ladder import Status, climb
from companion.errors import EngineUnavailable, SettingError
from companion.processes.server import package_version
from companion.quiet import quiet

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


VARIABLES: tuple[str, ...] = ()
_PACKAGE = "ai-edge-litert"


def interpreter(model: bytes | Path, *, threads: int = 1) -> Interpreter:
    """An interpreter with its tensors allocated, ready for ``set_tensor`` and ``invoke``.

    Args:
        model: a ``.tflite`` flatbuffer, as bytes or as a file.
        threads: of the kernels; one, so that latencies compare.

    Raises:
        EngineUnavailable: the runtime is not installed.
        SettingError: what was given is no TFLite model, or a damaged one.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise EngineUnavailable(f"no LiteRT runtime: pip install {_PACKAGE}.") from error
    content = model.read_bytes() if isinstance(model, Path) else model
    name = model.name if isinstance(model, Path) else "this"
    if content[4:8] != b"TFL3":
        raise SettingError(f"{name} is not a TFLite model (no TFL3 mark)")
    try:
        with quiet():  # XNNPACK reports its delegate on file descriptor 2
            runtime = Interpreter(model_content=content, num_threads=threads)
            runtime.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise SettingError(f"{name} is truncated or damaged: the runtime can't read it ({error})") from error
    return runtime


def probe() -> Status:
    """The installed version of the runtime."""
    return climb(
        "litert",
        client=_PACKAGE,
        install=f"pip install {_PACKAGE}",
        live=lambda: None,
        embedded=lambda: (package_version(_PACKAGE) or "-", "in this process"),
    )
