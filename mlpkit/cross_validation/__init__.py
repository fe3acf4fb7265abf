"""Cross-validation: a spec is trained on parts of the rows and measured on the others, here or by worker processes."""
