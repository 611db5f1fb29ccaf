"""Small classifiers that learn from scratch in seconds: `mlp`, `cnn`, and MLPerf Tiny's `resnet8`."""

from __future__ import annotations

from edgevision.tensorflow_setup import keras
from edgevision.training.architectures.architecture import Architecture, ArchitectureOptions
from edgevision.training.architectures.blocks import (
    BATCH_NORM_MOMENTUM,
    Conv,
    Tensor,
    classifier,
    conv_bn,
    layers,
    rescaled_input,
    scaled,
)


def build_mlp(options: ArchitectureOptions) -> keras.Model:
    """Two hidden layers of 128 and 64 units."""
    image, x = rescaled_input(options)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(scaled(128, options.width), activation="relu", name="hidden1")(x)
    x = layers.Dense(scaled(64, options.width), activation="relu", name="pool")(x)
    return classifier(image, x, options, "mlp")


def build_cnn(options: ArchitectureOptions) -> keras.Model:
    """Four convolutions of 16, 32, 64 and 64 filters; the first three halve the image."""
    image, x = rescaled_input(options)
    for number, (filters, stride) in enumerate([(16, 2), (32, 2), (64, 2), (64, 1)], start=1):
        x = conv_bn(x, Conv(scaled(filters, options.width), stride=stride), f"conv{number}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return classifier(image, x, options, "cnn")


def build_cnn_dense(options: ArchitectureOptions) -> keras.Model:
    """Four convolutions of 16, 32, 64 and 64 filters, then a dense layer that knows where in the picture things are."""
    image, x = rescaled_input(options)
    for number, (filters, stride) in enumerate([(16, 2), (32, 1), (64, 2), (64, 2)], start=1):
        x = conv_bn(x, Conv(scaled(filters, options.width), stride=stride), f"conv{number}")
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(scaled(128, options.width), use_bias=False, name="dense")(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name="dense_bn")(x)
    x = layers.ReLU(name="pool")(x)
    return classifier(image, x, options, "cnn_dense")


def build_resnet8(options: ArchitectureOptions) -> keras.Model:
    """MLPerf Tiny's image-classification reference: a stem and three residual stacks of 16, 32, 64 filters."""
    image, x = rescaled_input(options)
    filters = [scaled(count, options.width) for count in (16, 32, 64)]
    x = conv_bn(x, Conv(filters[0]), "stem")
    for number, count in enumerate(filters, start=1):
        x = _residual(x, count, 1 if number == 1 else 2, f"stack{number}")
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return classifier(image, x, options, "resnet8")


def _residual(x: Tensor, filters: int, stride: int, name: str) -> Tensor:
    y = conv_bn(x, Conv(filters, stride=stride), f"{name}_conv1")
    y = conv_bn(y, Conv(filters, activation="none"), f"{name}_conv2")
    if stride > 1:
        x = layers.Conv2D(filters, 1, stride, padding="same", kernel_initializer="he_normal", name=f"{name}_shortcut")(
            x
        )
    x = layers.Add(name=f"{name}_add")([x, y])
    return layers.ReLU(name=f"{name}_act")(x)


ROWS = (
    Architecture(
        "mlp",
        "classify",
        build_mlp,
        default_size=(32, 32),
        description="two hidden layers; for tiny images and as a baseline",
        minimum_size=1,
    ),
    Architecture(
        "cnn",
        "classify",
        build_cnn,
        default_size=(48, 48),
        description="four convolutions, 62 thousand parameters; learns from scratch in seconds",
    ),
    Architecture(
        "cnn_dense",
        "classify",
        build_cnn_dense,
        default_size=(28, 28),
        description="four convolutions and a dense layer, for glyphs and parts that lie always alike in the picture",
    ),
    Architecture(
        "resnet8",
        "classify",
        build_resnet8,
        default_size=(32, 32),
        description="MLPerf Tiny's residual network, 78 thousand parameters",
    ),
)
