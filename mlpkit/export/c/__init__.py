"""Export as one C99 file: the columns, the network and the predictions of a model as code."""
