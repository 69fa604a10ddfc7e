"""Writes ONNX files whose weights are in other files, as exporters do."""

from __future__ import annotations

from pathlib import Path

import onnx


def write_external(
    data: bytes, folder: Path, name: str = "best.onnx", *, each: bool = False, threshold: int = 0
) -> Path:
    """Writes `data`, an ONNX file, with the weights in `name` + ".data"; returns its path.

    each: whether every weight gets a file of its own, which has the weight's name. threshold: of
    bytes; smaller weights stay in the file itself.
    """
    folder.mkdir(parents=True, exist_ok=True)
    onnx.save_model(
        onnx.load_from_string(data),
        folder / name,
        save_as_external_data=True,
        all_tensors_to_one_file=not each,
        location=None if each else f"{name}.data",
        size_threshold=threshold,
    )
    return folder / name


def set_external(path: Path, **changes: str | None) -> None:
    """Changes, or for None removes, what the file at `path` says of where its weights are."""
    model = onnx.load_model(path, load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            where = {entry.key: entry.value for entry in tensor.external_data} | changes
            del tensor.external_data[:]
            for key, value in where.items():
                if value is not None:
                    tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
