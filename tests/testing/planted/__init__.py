"""Plugins with one fault each that shows in some places alone, and for each the check that finds it."""

from . import activations, losses, optimizers, others, process

PLANTED = {
    **activations.PLANTED,
    **losses.PLANTED,
    **optimizers.PLANTED,
    **others.PLANTED,
    **process.PLANTED,
}
