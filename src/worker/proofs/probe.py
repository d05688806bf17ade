"""Reports whether the packages of the Python that runs it find the devices of back-ends.

Job: for each back-end of the question, print one line of JSON with `backend`, `state` and `reason`:
`found` (with `name` and `library`), `missing` (a library is there and works, but finds no device),
`broken` (importing or asking the library failed), or `absent` (this environment has no library for
the back-end, so it proves nothing). The question is the only argument: a JSON object with `backends`,
a mapping of names to the hooks of `templates/backends.yaml`.

Promises: with torch and OpenVINO, computes nothing and allocates nothing on a device. ONNX Runtime lists
providers that cannot work, so a model that copies one number runs on the provider. Lines that
libraries print are not mistaken for answers, because each answer begins with `prefix` of the question.
"""

import functools
import importlib
import importlib.util
import json
import platform
import sys


class Absent(Exception):
    """The environment has no library for the back-end."""


class Missing(Exception):
    """The library finds no device."""


def library(name):
    if importlib.util.find_spec(name) is None:
        raise Absent(f"{name} is not installed")
    return importlib.import_module(name)


def function(name):
    module, *attributes = name.split(".")
    return functools.reduce(getattr, attributes, importlib.import_module(module))


def with_torch(backend, hooks):
    torch = library("torch")
    about = f"torch {torch.__version__}"
    for module in hooks.get("imports", []):
        if importlib.util.find_spec(module.split(".")[0]) is None:
            raise Absent(f"{module} is not installed")
        importlib.import_module(module)
    if "build" in hooks and not getattr(torch.version, hooks["build"], None):
        raise Absent(f"{about} is not built for {backend}")
    if "available" in hooks and not function(hooks["available"])():
        raise Missing(f"{about} finds no {backend} device")
    torch.device(hooks["device"])
    name = function(hooks["name"])() if "name" in hooks else platform.machine()
    return about, name


def field(number, content):
    """Encodes one field of a protocol buffer: a small number, a short text or a message."""
    if isinstance(content, int):
        return bytes([number << 3, content])
    content = content.encode() if isinstance(content, str) else content
    return bytes([number << 3 | 2, len(content)]) + content


def copying_model():
    """An ONNX model of one node, which copies `x` (fp32, shape [1]) to `y`."""
    shape = field(1, field(1, 1))
    tensor = field(1, field(1, 1) + field(2, shape))
    values = [field(1, name) + field(2, tensor) for name in ("x", "y")]
    node = field(1, "x") + field(2, "y") + field(4, "Identity")
    graph = field(1, node) + field(2, "g") + field(11, values[0]) + field(12, values[1])
    return field(1, 7) + field(7, graph) + field(8, field(2, 13))


def failure_of(onnxruntime, provider, options):
    """Returns why a provider cannot run a model; None if it can."""
    try:
        session = onnxruntime.InferenceSession(copying_model(), providers=[(provider, options)])
        if provider not in session.get_providers():
            return "it was replaced by " + ", ".join(session.get_providers())
        numpy = importlib.import_module("numpy")
        session.run(None, {"x": numpy.ones(1, dtype=numpy.float32)})
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return None


def with_onnxruntime(backend, hooks):
    onnxruntime = library("onnxruntime")
    about = f"onnxruntime {onnxruntime.__version__}"
    there = onnxruntime.get_available_providers()
    failures = []
    for provider, options in hooks.get("providers", []):
        if provider in there:
            failure = failure_of(onnxruntime, provider, options)
            if failure is None:
                return about, provider
            failures.append(f"{provider} does not work: {failure}")
    if failures:
        raise Missing(f"{about}: {'; '.join(failures)}")
    raise Absent(f"{about} has no provider for {backend}, only {', '.join(there)}")


def with_openvino(backend, hooks):
    openvino = library("openvino")
    about = f"openvino {openvino.__version__}"
    devices = openvino.Core().available_devices
    if not devices:
        raise Missing(f"{about} finds no device")
    return about, ", ".join(devices)


RUNTIMES = {"torch": with_torch, "onnxruntime": with_onnxruntime, "openvino": with_openvino}


def answer(backend, hooks):
    try:
        about, name = RUNTIMES[hooks.get("runtime", "torch")](backend, hooks)
    except Absent as error:
        return {"state": "absent", "reason": str(error)}
    except Missing as error:
        return {"state": "missing", "reason": str(error)}
    except Exception as error:
        return {"state": "broken", "reason": f"{type(error).__name__}: {error}"}
    return {"state": "found", "reason": "", "library": about, "name": str(name)}


def main(question):
    for backend, hooks in question["backends"].items():
        line = {"backend": backend, **answer(backend, hooks)}
        print(question["prefix"] + json.dumps(line), flush=True)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
