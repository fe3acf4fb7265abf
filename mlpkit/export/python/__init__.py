"""Export as one Python file that needs NumPy alone: its modules, and the writer that joins them."""
