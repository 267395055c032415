"""Adapter for Keras 3: ``keras:AdamW[backend=jax]``, ``keras:SGD[nesterov=True]``.

A process has one backend, which must be chosen before Keras is imported. Steps run as Model.fit
runs them: under jax.jit, in a tf.function, or eagerly on torch. The learning rate is a variable
that is set before each step, as Keras' LearningRateScheduler does. Options go to the optimizer as
they are (``clipvalue=clip`` is the case's own bound), and beside them:

- ``backend``: ``tensorflow``, Keras' own default, ``jax`` or ``torch``;
- ``floatx``: Keras' default dtype, which is that of the learning rate and of Python numbers among
  tensors. By default float64 for float64, and float32, as Keras has it, for the others;
- ``jit_compile=True``: on tensorflow, compiled by XLA;
- ``recompile=False``: where a hyperparameter is changed the step is not compiled anew, as who
  changes an attribute in Model.fit forgets to: it goes on with what it was compiled with;
- ``device``: what keras.device takes.

A tensor without decay in the midst of others is excluded by ``exclude_from_weight_decay``.
"""

import contextlib
import importlib.metadata
import inspect
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from wdref.oracle import Unsupported

from .driving.keras import Training, compiled, wide

INSTALL = "pip install keras tensorflow-cpu jax torch"
CONVENTION = "keras"
COMPILES = "backend=(jax|tensorflow)"
OPTIMIZERS = {
    "SGD[backend=jax]": "sgd",
    "SGD[backend=jax,nesterov=True]": "sgd[nesterov=True]",
    "SGD[backend=jax,momentum=0.0]": "sgd[buffer=False]",
    "SGD[backend=jax,clipvalue=clip]": "sgd[clip=gradient]",
    "Adam[backend=jax]": "adam",
    "AdamW[backend=jax]": "adamw",
    "AdamW[backend=jax,recompile=False]": "adamw",
    "AdamW[backend=jax,amsgrad=True]": "adamw[amsgrad=raw]",
    "AdamW[backend=jax,floatx=float32]": "adamw",
    "Lion[backend=jax]": "lion",
    "Lion[backend=jax,clipvalue=clip]": "lion[clip=gradient]",
    "Adagrad[backend=jax]": "adagrad",
    "RMSprop[backend=jax]": "rmsprop",
    "RMSprop[backend=jax,centered=True]": "rmsprop[centered=True]",
    "RMSprop[backend=jax,momentum=0.0]": "rmsprop[buffer=False]",
    "Nadam[backend=jax]": "nadamw",
    "SGD[backend=torch]": "sgd",
    "SGD[backend=torch,nesterov=True]": "sgd[nesterov=True]",
    "Adam[backend=torch]": "adam",
    "AdamW[backend=torch]": "adamw",
    "AdamW[backend=torch,amsgrad=True]": "adamw[amsgrad=raw]",
    "AdamW[backend=torch,floatx=float32]": "adamw",
    "Lion[backend=torch]": "lion",
    "Lion[backend=torch,floatx=float32]": "lion",
    "Adagrad[backend=torch]": "adagrad",
    "RMSprop[backend=torch]": "rmsprop",
    "RMSprop[backend=torch,centered=True]": "rmsprop[centered=True]",
    "Nadam[backend=torch]": "nadamw",
    "SGD[backend=tensorflow]": "sgd",
    "SGD[backend=tensorflow,nesterov=True]": "sgd[nesterov=True]",
    "SGD[backend=tensorflow,floatx=float32]": "sgd",
    "Adam[backend=tensorflow]": "adam",
    "AdamW[backend=tensorflow]": "adamw",
    "AdamW[backend=tensorflow,amsgrad=True]": "adamw[amsgrad=raw]",
    "AdamW[backend=tensorflow,floatx=float32]": "adamw",
    "AdamW[backend=tensorflow,jit_compile=True]": "adamw",
    "Lion[backend=tensorflow]": "lion",
    "Adadelta[backend=jax]": "adadelta",
    "Adadelta[backend=torch]": "adadelta",
    "Adadelta[backend=tensorflow]": "adadelta",
    "Adamax[backend=jax]": "adamax",
    "Adamax[backend=torch]": "adamax",
    "Adamax[backend=tensorflow]": "adamax",
    "Adagrad[backend=tensorflow]": "adagrad",
    "RMSprop[backend=tensorflow]": "rmsprop",
    "RMSprop[backend=tensorflow,centered=True]": "rmsprop[centered=True]",
    "Nadam[backend=tensorflow]": "nadamw",
    "Adafactor[backend=jax]": "adafactor",
    "Adafactor[backend=torch]": "adafactor",
    "Adafactor[backend=tensorflow]": "adafactor",
    "Lamb[backend=jax]": "lamb",
    "Lamb[backend=torch]": "lamb",
    "Lamb[backend=tensorflow]": "lamb",
}

MORE = ("Nadam",)  # that may be asked as another rule
NAMES = tuple(dict.fromkeys((*(row.partition("[")[0] for row in OPTIMIZERS), *MORE)))
BACKENDS = ("tensorflow", "jax", "torch")
WORDS = {"momentum": "momentum", "rho": "rho", "beta_1": "beta1", "beta_2": "beta2",
         "epsilon": "eps", "initial_accumulator_value": "initial", "beta_2_decay": "-power",
         "epsilon_1": "eps", "epsilon_2": "eps2", "clip_threshold": "threshold",
         "weight_decay": "weight_decay"}  # fmt: skip
# of `drive`; the others are the constructor's
OWN_OPTIONS = ("backend", "floatx", "jit_compile", "recompile", "device")
COUNTLESS = ("SGD", "Adagrad", "RMSprop")  # which know no t
# No maximize, which Keras has not, and no order: an optimizer is built for its variables once.
SUPPORTS = ("tensors", "groups", "late", "none", "resume", "change", "skip", "accumulate", "clip",
            "mixed", "count")  # fmt: skip


def load(
    optimizer: str,
    *,
    backend: str = "tensorflow",
    floatx: str | None = None,
    jit_compile: bool = False,
    recompile: bool = True,
    device: str | None = None,
    **options: Any,
) -> Callable[[Any], Any]:
    """Return `run(case)` for the class `optimizer` of keras.optimizers."""
    if optimizer not in NAMES:
        raise ValueError(f"keras adapter: no {optimizer!r}; it knows {', '.join(NAMES)}")
    _check(backend, floatx, jit_compile)
    keras = _keras(backend)
    cls = getattr(keras.optimizers, optimizer)
    known = [name for name in inspect.signature(cls).parameters if name != "kwargs"]
    if unknown := [name for name in options if name not in known]:
        words = ", ".join([*known, *OWN_OPTIONS])
        raise ValueError(f"keras adapter: {optimizer} has no option {unknown[0]!r}; it has {words}")
    driven = drive(cls, _Table(cls, options), backend=backend, floatx=floatx,
                   jit_compile=jit_compile, recompile=recompile, device=device)  # fmt: skip

    def run(case: Any) -> Any:
        if case.hyper.get("dampening", 0.0):
            raise Unsupported("keras.optimizers.SGD has no dampening")
        return driven(case)

    run.supports = driven.supports  # type: ignore[attr-defined]  # the contract
    return run


def drive(
    make: Callable[..., Any],
    words: Any,
    *,
    backend: str | None = None,
    floatx: str | None = None,
    jit_compile: bool = False,
    recompile: bool = True,
    device: str | None = None,
) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make` makes of keywords, on the backend of this process.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets.
    """
    keras = _keras(backend)
    backend = keras.config.backend()
    names = [kind.__name__ for kind in getattr(make, "__mro__", ())]
    _check(backend, floatx, jit_compile)
    where = partial(keras.device, device) if device else contextlib.nullcontext

    def run(case: Any) -> Any:
        if (case.starts or case.gaps) and not set(names) & set(COUNTLESS):
            raise Unsupported("Keras counts one t for all variables of an optimizer")
        if (backend, case.dtype) == ("torch", "bfloat16") and "Nadam" in names:
            raise Unsupported("Nadam on PyTorch divides by NumPy's bfloat16, which PyTorch refuses")
        own = floatx or ("float64" if case.dtype == "float64" else "float32")
        keras.config.set_floatx(own)
        with wide(case.dtype), where(), warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # Keras tells of every missing gradient
            return Training(make, words, case, jit_compile, recompile).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


def version() -> str:
    """Return the version of Keras."""
    return importlib.metadata.version("keras")


def defaults(name: str, *, backend: str = "tensorflow", **options: Any) -> dict[str, Any]:
    """Return the arguments that have a default, with Keras' names and values."""
    parameters = inspect.signature(getattr(_keras(backend).optimizers, name)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return the backend's elementary operations on NumPy arrays, compiled as steps are."""
    ops = sys.modules["keras"].ops

    def on_arrays(f: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arrays: Any) -> Any:
            with wide(dtype):
                return ops.convert_to_numpy(compiled(f)(*map(ops.convert_to_tensor, arrays)))

        return call

    return {
        "sqrt": on_arrays(ops.sqrt),
        "divide": on_arrays(ops.divide),
        "multiply": on_arrays(ops.multiply),
        "fused": on_arrays(lambda x, y, z: x * y + z),
    }


def _check(backend: str, floatx: str | None, jit_compile: bool) -> None:
    if jit_compile and backend != "tensorflow":
        raise ValueError(f"keras adapter: jit_compile is tensorflow's; {backend} has no choice")
    if floatx not in (None, "float32", "float64"):
        raise ValueError(f"keras adapter: floatx={floatx!r}; expected float32 or float64")


def _keras(backend: str | None) -> Any:
    """Import Keras on `backend`, or say that this process has another one; None is any."""
    if backend not in (None, *BACKENDS):
        raise ValueError(f"keras adapter: backend={backend!r}; it knows {', '.join(BACKENDS)}")
    os.environ |= {} if backend is None else {"KERAS_BACKEND": backend}
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    if keras.config.backend() != (backend or keras.config.backend()):
        raise ValueError(
            f"keras adapter: this process has Keras on {keras.config.backend()}: use another one"
        )
    return keras


class _Table:
    """The words of Keras' own classes, as `drive` asks for them."""

    def __init__(self, cls: Any, options: Mapping[str, Any]) -> None:
        self.known = inspect.signature(cls).parameters
        clip = ("clipvalue", "clip")  # the case's own bound
        self.clips = clip in options.items()
        self.fixed = {name: x for name, x in options.items() if (name, x) != clip}

    def __call__(self, hyper: Mapping[str, float]) -> dict[str, Any]:
        """Hyperparameters of a case in the optimizer's words."""
        hyper = {"initial": 0.0, **hyper}
        words = {"learning_rate": "learning_rate", **WORDS}
        words |= {"clipvalue": "clip"} if self.clips else {}
        hyper |= {f"-{name}": -x for name, x in hyper.items()}
        return {word: hyper[name] for word, name in words.items()
                if word in self.known and name in hyper}  # fmt: skip
