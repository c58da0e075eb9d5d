"""Golden files of the safetensors library itself, for test/vectors/safetensors.json.

    python3 test/oracles/safetensors-files.py > test/vectors/safetensors.json

Written with safetensors 0.8.0 and NumPy 2.4.6. More than one metadata entry would come out in a random
order, so there is one.
"""
import json

import numpy as np
from safetensors.numpy import save


def ramp(dtype, shape, start):
    return (np.arange(int(np.prod(shape))) * 7 + start).astype(dtype).reshape(shape)


every = {}
for i, dtype in enumerate(["<f8", "<i8", "<u8", "<f4", "<i4", "<u4", "i1", "u1"]):
    every["t" + str(i)] = ramp(dtype, (2, 1), i)
    every["a" + str(7 - i)] = ramp(dtype, (1,), i)
model = {
    "hidden.weight": ramp("<f4", (3, 2), 1),
    "hidden.bias": ramp("<f4", (2,), 2),
    "output.weight": ramp("<f4", (2, 2), 3),
    "é": ramp("u1", (3,), 0),
}
odd = {
    "empty": np.zeros((0, 3), "<f4"),
    "scalar": np.array(5, "<i4"),
    "also.empty": np.zeros((2, 0), "u1"),
}
cases = [
    ("every type", every, None),
    ("a model", model, {"format": 'kadre "quoted" \\ ü'}),
    ("zero-sized and scalar", odd, None),
    ("nothing", {}, None),
]


def described(name, array):
    shape = list(array.shape)
    return {"name": name, "dtype": array.dtype.str, "shape": shape, "data": array.tobytes().hex()}


files = [
    {
        "name": name,
        "metadata": metadata or {},
        "tensors": [described(*item) for item in tensors.items()],
        "file": save(tensors, metadata=metadata).hex(),
    }
    for name, tensors, metadata in cases
]
print(json.dumps(files, indent=1))
