"""Array -> smdebug's TensorProto. smdebug's own function calls ndarray.tostring, which NumPy 2.3 removed."""

from typing import Any

from smdebug.core.tfevent.proto.tensor_pb2 import TensorProto
from smdebug.core.tfevent.proto.tensor_shape_pb2 import TensorShapeProto
from smdebug.core.tfevent.util import _get_proto_dtype


def make_tensor_proto(nparray_data: Any, tag: str) -> TensorProto:
    """The array's bytes, type and shape. Raises smdebug's SMDebugTypeError for a type that the format does not have."""
    _, dtype = _get_proto_dtype(nparray_data.dtype)
    dimensions = [TensorShapeProto.Dim(size=size, name=f"{tag}_{size}") for size in nparray_data.shape]
    shape = TensorShapeProto(dim=dimensions)
    return TensorProto(dtype=dtype, tensor_content=nparray_data.tobytes(), tensor_shape=shape)
