"""A safetensors reader and writer for golden vectors: F32 and I64 tensors, string metadata."""

import json
import struct

import torch

_DTYPES = {torch.float32: "F32", torch.int64: "I64"}
_NUMPY = {"F32": "<f4", "I64": "<i8"}


def write(path, tensors, metadata=None):
    """Writes a dict of tensors in name order; other dtypes raise KeyError."""
    header, blobs, offset = {}, [], 0
    if metadata:
        header["__metadata__"] = {key: str(value) for key, value in sorted(metadata.items())}
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        dtype = _DTYPES[tensor.dtype]
        blob = tensor.numpy().astype(_NUMPY[dtype]).tobytes()
        header[name] = {
            "dtype": dtype,
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + len(blob)],
        }
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for blob in blobs:
            file.write(blob)


def read(path):
    """The tensors and the metadata of a file."""
    import numpy

    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = file.read()
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(data[begin:end], _NUMPY[entry["dtype"]])
        tensors[name] = torch.from_numpy(values.copy()).reshape(entry["shape"])
    return tensors, metadata
