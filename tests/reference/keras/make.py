"""Make files of Keras, .keras and HDF5, with inputs and outputs in answers.npz.

Run `KERAS_BACKEND=torch python tests/reference/keras/make.py` with keras 3, h5py and a backend installed; the tests read only the files.
Keras writes dates and random numbers of objects into its files, so that each time has other bytes.
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

HERE, ROWS = Path(__file__).parent, 8
RNG = np.random.default_rng(0)


def whole():
    scaled = layers.Normalization()
    scaled.adapt(RNG.normal(3, 2, (50, 4)).astype("float32"))
    return keras.Sequential(
        [
            keras.Input((4,)),
            scaled,
            layers.Dense(6, name="first"),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.Dropout(0.2),
            layers.Dense(5, activation="tanh", use_bias=False),
            layers.BatchNormalization(scale=False),
            layers.Dense(5),
            layers.LayerNormalization(),
            layers.LeakyReLU(0.3),
            layers.Dense(5),
            layers.PReLU(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def functional():
    image = keras.Input((2, 3), name="image")
    x = layers.Flatten()(layers.Rescaling(1 / 255, offset=-0.5)(image))
    x = layers.Dense(4, activation=keras.activations.gelu)(x)
    x = layers.ELU(0.5)(layers.Dense(4)(x))
    return keras.Model(image, layers.Dense(2, name="out")(x))


def activations():
    names = ["elu", "selu", "gelu", "silu", "mish", "softplus", "softsign", "exponential", "relu6", "log_sigmoid", "celu", "hard_tanh"]
    names += [
        "hard_sigmoid",
        "hard_silu",
        "leaky_relu",
        "tanh_shrink",
        "soft_shrink",
        "hard_shrink",
        "squareplus",
        "log_softmax",
        "sigmoid",
    ]
    return keras.Sequential([keras.Input((4,)), *[layers.Dense(4, activation=name) for name in names]])


def branches():
    x = keras.Input((4,))
    y = layers.Dense(4)(x)
    return keras.Model(x, layers.Dense(1)(layers.Add()([x, y])))


def unknown():
    return keras.Sequential([keras.Input((4,)), layers.Dense(4), layers.Lambda(lambda x: x + 1, name="plus"), layers.Dense(1)])


def convolution():
    return keras.Sequential([keras.Input((8, 2)), layers.Conv1D(2, 3, name="conv"), layers.Flatten(), layers.Dense(1)])


def main():
    found = {"keras_version": np.array(keras.__version__)}
    for make in (whole, functional, activations, branches, unknown, convolution):
        keras.utils.set_random_seed(1)
        model = make()
        for layer in model.layers:
            if not isinstance(layer, layers.Normalization):
                layer.set_weights([RNG.uniform(0.3 if "variance" in each.path else -0.8, 1, each.shape) for each in layer.weights])
        x = (RNG.integers(0, 256, (ROWS, 2, 3)) if make is functional else RNG.normal(size=(ROWS, *model.input_shape[1:]))).astype(
            "float32"
        )
        model.save(HERE / f"{make.__name__}.keras")
        if make in (whole, functional):
            model.save(HERE / f"{make.__name__}.h5")
        if make in (whole, functional, activations):
            found |= {f"{make.__name__}/x": x, f"{make.__name__}/y": np.asarray(model.predict(x, verbose=0))}
    np.savez(HERE / "answers.npz", **found)


if __name__ == "__main__":
    main()
