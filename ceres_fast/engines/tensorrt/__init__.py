"""TensorRT and TensorRT-RTX: engine files, and the sidecars without which none is loaded.

A serialized engine is executable code, bound to the version that built it and (TensorRT) to the GPU it was built on.
So the ONNX file is what is kept and copied; an engine is built from it where it is to run, and beside it a sidecar
says from what, by what and for what.

- `flavours`: what differs between the two packages, as a table
- `options`: what a build is given
- `build`, `network`: from an ONNX file to an engine file
- `sidecar`, `checks`: what an engine says of itself, and whether it may be loaded here
- `run`: an engine on the GPU, one batch after another
"""
