"""Models from weights of other libraries: arrays, scikit-learn, PyTorch and Keras, without their training rows.

Each source is read by a module of its own into layers and input columns, from which `assembly` builds a `Model`.
"""
