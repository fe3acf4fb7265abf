"""Search over the options of a spec, on Optuna, which `study` alone imports."""
