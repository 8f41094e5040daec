"""A small TFLite model written without TensorFlow, and what a hostile maker would make of it. Run as a program: tries them all.

The runtime is native code: a model that crashes it takes the process along, so the tests run this in one of its own.
"""

import json
from collections.abc import Callable

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from companion.engines import litert


def model(change: Callable[[schema.ModelT], None] = lambda made: None) -> bytes:
    """One fully connected layer, 72 inputs, 4 outputs, float32; ``change`` spoils it before it is written."""
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.FULLY_CONNECTED
    weights = np.random.default_rng(0).normal(size=(4, 72)).astype(np.float32)
    buffers = [schema.BufferT() for _ in range(3)]
    buffers[1].data = np.frombuffer(weights.tobytes(), np.uint8)
    buffers[2].data = np.zeros(16, np.uint8)
    tensors = []
    for shape, buffer in (([1, 72], 0), ([4, 72], 1), ([4], 2), ([1, 4], 0)):
        tensor = schema.TensorT()
        tensor.shape, tensor.buffer, tensor.type = shape, buffer, schema.TensorType.FLOAT32
        tensors.append(tensor)
    layer = schema.OperatorT()
    layer.inputs, layer.outputs = [0, 1, 2], [3]
    layer.builtinOptionsType = schema.BuiltinOptions.FullyConnectedOptions
    layer.builtinOptions = schema.FullyConnectedOptionsT()
    graph = schema.SubGraphT()
    graph.tensors, graph.operators, graph.inputs, graph.outputs = tensors, [layer], [0], [3]
    made = schema.ModelT()
    made.version, made.operatorCodes, made.subgraphs, made.buffers = 3, [code], [graph], buffers
    change(made)
    builder = flatbuffers.Builder(0)
    builder.Finish(made.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def spoilt(where: str, value: object) -> Callable[[schema.ModelT], None]:
    """A change of one attribute, named by its path from the model: ``subgraphs.0.inputs``."""

    def change(made: schema.ModelT) -> None:
        *path, name = where.split(".")
        place = made
        for step in path:
            place = place[int(step)] if step.isdigit() else getattr(place, step)
        setattr(place, name, value)

    return change


GRAPH, TENSORS = "subgraphs.0", "subgraphs.0.tensors"
HOSTILE = {
    "an input of 600 GB": (f"{TENSORS}.0.shape", [2**31 - 1, 72]),
    "an input whose size overflows": (f"{TENSORS}.0.shape", [2**20, 2**20, 2**30]),
    "a negative input": (f"{TENSORS}.0.shape", [-5, 72]),
    "weights beyond their buffer": (f"{TENSORS}.1.shape", [4000, 7200]),
    "a layer that reads tensor 99": (f"{GRAPH}.operators.0.inputs", [99, 1, 2]),
    "a layer that reads tensor -7": (f"{GRAPH}.operators.0.inputs", [-7, 1, 2]),
    "a layer that writes tensor 99": (f"{GRAPH}.operators.0.outputs", [99]),
    "a layer that writes its input": (f"{GRAPH}.operators.0.outputs", [0]),
    "a layer without inputs": (f"{GRAPH}.operators.0.inputs", []),
    "a layer without outputs": (f"{GRAPH}.operators.0.outputs", []),
    "an input that is no tensor": (f"{GRAPH}.inputs", [50]),
    "an output that is no tensor": (f"{GRAPH}.outputs", [50]),
    "no input": (f"{GRAPH}.inputs", []),
    "a buffer that is not there": (f"{TENSORS}.1.buffer", 77),
    "a type that does not exist": (f"{TENSORS}.1.type", 25),
    "texts where numbers belong": (f"{TENSORS}.0.type", schema.TensorType.STRING),
    "no graph": ("subgraphs", []),
    "no operators": ("operatorCodes", []),
    "an operator of the future": ("operatorCodes.0.builtinCode", 5000),
    "another operator": ("operatorCodes.0.builtinCode", schema.BuiltinOperator.LSTM),
}


def tried(content: bytes, given: np.ndarray | None = None) -> str:
    """How loading a model and running it once ends: ``ran``, or the error's name."""
    try:
        runtime = litert.interpreter(content)
        source = runtime.get_input_details()[0]
        runtime.set_tensor(source["index"], np.zeros(source["shape"], source["dtype"]) if given is None else given)
        runtime.invoke()
    except (ValueError, RuntimeError, IndexError) as error:
        return type(error).__name__
    return "ran"


def damaged(count: int) -> list[str]:
    """How as many copies end, each with one to eight bytes changed behind the mark."""
    rng, content, ended = np.random.default_rng(0), model(), []
    for _ in range(count):
        copy = np.frombuffer(content, np.uint8).copy()
        copy[rng.integers(8, len(copy), rng.integers(1, 9))] = rng.integers(0, 256)
        ended.append(tried(copy.tobytes()))
    return ended


if __name__ == "__main__":
    found = {"good": tried(model()), "cut": tried(model()[:600])}
    found["another shape"] = tried(model(), np.zeros((1, 71), np.float32))
    found["another type"] = tried(model(), np.zeros((1, 72), np.int8))
    found |= {name: tried(model(spoilt(*change))) for name, change in HOSTILE.items()}
    print(json.dumps({"found": found, "damaged": damaged(300)}))
