"""LiteRT, the runtime of TensorFlow Lite: an ``Interpreter`` for a model, without TensorFlow in the process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from companion.engines import Status
from companion.errors import EngineUnavailable
from companion.processes.server import package_version
from companion.quiet import quiet

if TYPE_CHECKING:
    from ai_edge_litert.interpreter import Interpreter


def connect(model: bytes | Path, threads: int = 1) -> Interpreter:
    """An interpreter with its tensors allocated, ready for ``set_tensor`` and ``invoke``.

    Args:
        model: a ``.tflite`` flatbuffer, as bytes or as a file.
        threads: of the kernels; one, so that latencies compare.

    Raises:
        EngineUnavailable: the runtime is not installed.
        ValueError: what was given is no TFLite model.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise EngineUnavailable("no LiteRT runtime: pip install ai-edge-litert.") from error
    content = model.read_bytes() if isinstance(model, Path) else model
    name = model.name if isinstance(model, Path) else "this"
    if content[4:8] != b"TFL3":
        raise ValueError(f"{name} is not a TFLite model (no TFL3 mark)")
    try:
        with quiet():  # XNNPACK reports its delegate on file descriptor 2
            interpreter = Interpreter(model_content=content, num_threads=threads)
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{name} is truncated or damaged: the runtime can't read it ({error})") from error
    return interpreter


def probe() -> Status:
    """The installed version of the runtime."""
    version = package_version("ai-edge-litert")
    if version is None:
        return Status("litert", "missing", "-", "pip install ai-edge-litert")
    return Status("litert", "embedded", version, "in this process")
