"""The nouns of edgevision: frames, tensors, model variants, specs and predictions. All frozen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, Union

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from edgevision_runtime.contract import Preprocess
    from edgevision_runtime.postprocess import Postprocess

    Image = npt.NDArray[np.uint8]
    Tensor = npt.NDArray[Any]
else:  # the names exist without importing numpy, which a `--help` should not wait for
    Image = Tensor = Any

TASKS = ("classify", "segment")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture as a camera delivered it."""

    image: Image  # uint8 (height, width, 3), BGR as OpenCV delivers
    index: int  # 0, 1, 2 … per source
    captured_s: float  # time.monotonic() at capture
    source: str  # where it came from, credentials removed


class TensorSpec(NamedTuple):
    """What a model file says of one of its input or output tensors."""

    name: str
    shape: tuple[int, ...]  # with the batch axis; -1 where it is dynamic
    dtype: str  # numpy name: float32, int8, uint8 …
    scale: float | None = None  # real = scale * (stored - zero_point); None: not quantized
    zero_point: int | None = None


class Operator(NamedTuple):
    """An operator that a model file uses, in the version that the file asks for."""

    name: str
    version: int


class Variant(NamedTuple):
    """One model file of a bundle: the same network in one format and precision."""

    path: str  # member of the bundle, such as models/int8.tflite
    format: str  # tflite | onnx
    precision: str  # float32 | float16 | int8 | dynamic | int16x8
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    operators: tuple[Operator, ...]

    @property
    def name(self) -> str:
        """What people call it: `int8.tflite`."""
        return self.path.rsplit("/", 1)[-1]


class EmbeddingOutput(NamedTuple):
    """Which output of every variant is an embedding, and the space that it lives in."""

    output: int  # which of a variant's outputs: features (N, d)
    dimension: int  # of the embedding that is made of them
    fingerprint: str  # sha256 of the space: equal ones can be compared, whatever the variant and the machine
    backbone: str  # sha256 of the float features and their contract, before whitening
    whitening: str | None = None  # member: .npy, float32 (d + 1, dimension), the bias last; None: it is one already


@dataclass(frozen=True)
class ModelSpec:
    """What a trained network means: its task, its labels, what goes in and how to read what comes out."""

    task: str  # classify | segment
    labels: tuple[str, ...]  # position = class index
    preprocess: Preprocess
    postprocess: Postprocess


class Stages(NamedTuple):
    """Where the time of one prediction went."""

    preprocess_ms: float
    infer_ms: float
    postprocess_ms: float


class _Embedded:
    """What both kinds of answer have where the bundle has an embedding."""

    make_embedding: Callable[[], Tensor] | None

    @cached_property
    def embedding(self) -> Tensor | None:
        """Float32 (dimension,), of length 1, made when it is first asked for; None: the bundle has none."""
        return None if self.make_embedding is None else self.make_embedding()


@dataclass(frozen=True, eq=False)
class Classification(_Embedded):
    """What a classifier says of one frame."""

    frame_index: int
    captured_s: float
    age_ms: float  # capture to result
    latency_ms: float  # preprocess + infer + postprocess
    stages: Stages
    scores: Tensor  # float32 (classes,), sums to 1
    labels: tuple[str, ...]
    make_embedding: Callable[[], Tensor] | None = None

    @property
    def index(self) -> int:
        """The class with the highest score; the lowest index among equals."""
        return int(self.scores.argmax())

    @property
    def label(self) -> str:
        """The name of the class with the highest score."""
        return self.labels[self.index]

    @property
    def score(self) -> float:
        """The highest score, 0..1."""
        return float(self.scores[self.index])

    def top(self, count: int) -> list[tuple[str, float]]:
        """The `count` best (label, score), best first."""
        order = (-self.scores).argsort(kind="stable")[:count]
        return [(self.labels[i], float(self.scores[i])) for i in order]


@dataclass(frozen=True, eq=False)
class Segmentation(_Embedded):
    """What a segmenter says of one frame."""

    frame_index: int
    captured_s: float
    age_ms: float
    latency_ms: float
    stages: Stages
    mask: Image  # uint8 (height, width) of class indices, at the model's own resolution
    labels: tuple[str, ...]
    window: tuple[slice, slice] = (slice(None), slice(None))  # rows and columns of the mask that are no padding
    make_embedding: Callable[[], Tensor] | None = None

    @property
    def shares(self) -> dict[str, float]:
        """The share of pixels, 0..1, that each class covers of what the model saw of the frame."""
        import numpy as np

        shown = self.mask[self.window]
        counts = np.bincount(shown.ravel(), minlength=len(self.labels))
        return {label: float(counts[i]) / shown.size for i, label in enumerate(self.labels)}


Prediction = Union[Classification, Segmentation]
Answer = TypeVar("Answer")


class Engine(Protocol):
    """One loaded model on one runtime. A context manager; `close` frees what it holds."""

    name: str  # litert | tflite | onnx
    version: str  # of the runtime library
    kernels: str  # which implementation computes, such as "XNNPACK" or "CPUExecutionProvider"
    input: TensorSpec
    outputs: tuple[TensorSpec, ...]

    def infer(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """Run one sample.

        `tensor` is what the contract made: no batch axis, uint8 or float32. The engine quantizes it with the
        input tensor's own scale and zero point. Returns float32 outputs, dequantized, no batch axis.
        """
        ...

    def infer_stored(self, stored: Tensor, read: Callable[[tuple[Tensor, ...]], Answer]) -> Answer:
        """Run one sample that is already what the input tensor stores, with batch axis, and return what `read` makes.

        `read` is given the outputs as they are stored, no batch axis. They may be the engine's own memory: it must
        neither keep them nor return a view of them.
        """
        ...

    def memory(self, shape: tuple[int, ...]) -> Tensor:
        """Where the next sample is written, as it is stored, with batch axis; let go of it before `infer_written`."""
        ...

    def infer_written(self, read: Callable[[tuple[Tensor, ...]], Answer]) -> Answer:
        """Run the sample that was written into `memory`; `read` as for `infer_stored`."""
        ...

    def close(self) -> None:
        """Free the model."""
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(self, *exc: object) -> None: ...
