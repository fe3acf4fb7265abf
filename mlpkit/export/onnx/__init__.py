"""Export to ONNX: a graph from raw columns to labels or numbers, for opset 18 and ai.onnx.ml 3.

`graph` alone imports the onnx package, which makes the file, and `runtime` alone onnxruntime, which runs it; both where they are used.
"""
