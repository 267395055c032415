"""A training of Keras: the variables of a case, their optimizers, and what befalls them.

Every event happens as Keras' users have it: `save_own_variables` and `load_own_variables`, the
optimizer's attributes, `LossScaleOptimizer`, the constructor's `gradient_accumulation_steps`,
`clipvalue` and `global_clipnorm`, `iterations`. A step is compiled once, as Model.fit does.
"""

import contextlib
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from wdref.oracle import Unsupported

from .events import changes, waits

FOREVER = 2**30  # steps between two growths of a scale


def wide(dtype: str) -> Any:
    """JAX has float64 with its switch on only."""
    jax = sys.modules["keras"].config.backend() == "jax" and sys.modules["jax"]
    return jax.enable_x64(dtype == "float64") if jax else contextlib.nullcontext()


def compiled(f: Callable[..., Any], **options: Any) -> Any:
    """Return `f` compiled as the backend's Model.fit compiles; on torch it does not."""
    backend = sys.modules["keras"].config.backend()
    if backend == "jax":
        return sys.modules["jax"].jit(f)
    return sys.modules["tensorflow"].function(f, **options) if backend == "tensorflow" else f


class Training:
    """One case: `make` makes the optimizers, `words` say what its keywords mean."""

    def __init__(
        self, make: Callable[..., Any], words: Any, case: Any, jit_compile: bool, recompile: bool
    ) -> None:
        self.make, self.words, self.case, self.life = make, words, case, case.life
        self.jit_compile, self.recompile = jit_compile, recompile
        self.keras = sys.modules["keras"]
        self.many = "tensors" in case.flags
        thetas, grads = (case.theta0, case.grads) if self.many else ([case.theta0], [case.grads])
        self.dtypes = self.life.get("mixed", [case.dtype] * len(thetas))
        self.grads = [_cast(g, dtype) for g, dtype in zip(grads, self.dtypes, strict=True)]
        self.hyper = [{**case.hyper, **own} for own in case.groups or [{}] * len(thetas)]
        self.sets = _sets(self.hyper)
        self._begin([_cast(x, dtype) for x, dtype in zip(thetas, self.dtypes, strict=True)])

    def run(self) -> Any:
        """Return the parameters after each step."""
        path: list[list[Any]] = [[] for _ in self.variables]
        for t, eta in enumerate(self.case.eta.tolist(), start=1):
            self._before(t)
            for members, opt, step in zip(self.sets, self.opts, self.steps, strict=True):
                opt.learning_rate = self.hyper[members[0]]["learning_rate"] * eta
                grads = [self._gradient(opt, i, t) for i in members]
                if any(g is not None for g in grads):  # Keras refuses a step without any
                    step(grads)
            self._after(t)
            for values, x in zip(path, self._values(), strict=True):
                values.append(x.astype(np.float64))
        return [np.array(values) for values in path] if self.many else np.array(path[0])

    # -- the optimizers ---------------------------------------------------------------------------

    def _begin(self, thetas: Sequence[Any]) -> None:
        """Make the variables, an optimizer for each set, and its step."""
        pairs = zip(thetas, self.dtypes, strict=True)
        self.variables = [self.keras.Variable(theta, dtype=dtype) for theta, dtype in pairs]
        self.opts = [self._built(members) for members in self.sets]
        self._compile()

    def _built(self, members: Sequence[int]) -> Any:
        """Return an optimizer; variables without decay in the midst of others are excluded."""
        own, variables = [self.hyper[i] for i in members], [self.variables[i] for i in members]
        opt = self.make(**{**self.words(own[0]), **self.words.fixed, **self._asked()})
        without = [v for v, h in zip(variables, own, strict=True) if h["weight_decay"] == 0]
        if 0 < len(without) < len(variables):
            opt.exclude_from_weight_decay(var_list=without)
        if "skip" in self.life:  # factors that are powers of 2 change no bit
            opt = self.keras.optimizers.LossScaleOptimizer(
                opt, initial_scale=1.0, dynamic_growth_steps=FOREVER
            )
        opt.build(variables)
        return opt

    def _asked(self) -> dict[str, Any]:
        """Return the constructor's options that an event of the case is."""
        bound = self.life.get("clip", {})
        asked = {"gradient_accumulation_steps": self.life.get("accumulate"),
                 "clipvalue": bound.get("value"),
                 "global_clipnorm": bound.get("norm")}  # fmt: skip
        asked = {name: value for name, value in asked.items() if value is not None}
        for name in asked:
            if not _takes(self.make, name):
                raise Unsupported(f"its constructor takes no {name}")
        if bound and "clip" in self.case.hyper:
            raise Unsupported("Keras clips by one bound, and this optimizer has one")
        return asked

    def _compile(self) -> None:
        of_sets = zip(self.opts, self.sets, strict=True)
        self.steps = [_stepper(opt, [self.variables[i] for i in members], self.jit_compile)
                      for opt, members in of_sets]  # fmt: skip

    def _values(self) -> list[Any]:
        return [self.keras.ops.convert_to_numpy(v.value) for v in self.variables]

    # -- a step -----------------------------------------------------------------------------------

    def _gradient(self, opt: Any, i: int, t: int) -> Any:
        """Return the gradient of a loss that is scaled where users scale it; None is none."""
        case, g = self.case, self.grads[i][t - 1]
        if waits(case, i, t):
            return None
        if "skip" in self.life:
            g = g * g.dtype.type(self.keras.ops.convert_to_numpy(opt.scale_loss(1.0)))
        return self.keras.ops.convert_to_tensor(g, dtype=self.dtypes[i])

    # -- what befalls it --------------------------------------------------------------------------

    def _before(self, t: int) -> None:
        if new := changes(self.case, t):
            self._change(new)

    def _after(self, t: int) -> None:
        if self.life.get("resume") == t:
            self._resume()
        if self.life.get("jump", (0, 0))[0] == t:
            for opt in self.opts:
                _count(opt, self.life["jump"][1] - 1)

    def _resume(self) -> None:
        """Save every optimizer, and load into new ones of new variables."""
        stores: list[dict[str, Any]] = [{} for _ in self.opts]
        for opt, store in zip(self.opts, stores, strict=True):
            opt.save_own_variables(store)
        self._begin(self._values())
        for opt, store in zip(self.opts, stores, strict=True):
            opt.load_own_variables(store)

    def _change(self, new: Mapping[str, float]) -> None:
        """Set the attributes; the rate is set before each step."""
        for members, opt in zip(self.sets, self.opts, strict=True):
            before = self.words(self.hyper[members[0]])
            for i in members:
                self.hyper[i] |= new
            for name, value in self.words(self.hyper[members[0]]).items():
                if value != before[name] and name not in self.words.fixed:
                    _set(opt, name, value)
        if self.recompile:
            self._compile()


def _cast(x: Any, dtype: str) -> Any:
    """Cast to bfloat16 by NumPy where JAX is, which would compile that for every shape."""
    jax = sys.modules["keras"].config.backend() == "jax" and sys.modules["jax"]
    return x.astype(jax.numpy.bfloat16) if jax and dtype == "bfloat16" else x


def _sets(own: Sequence[Any]) -> list[list[int]]:
    """Indices of the variables that share an optimizer: all hyperparameters, but for no decay."""
    sets: dict[Any, list[int]] = {}
    for i in sorted(range(len(own)), key=lambda i: own[i]["weight_decay"] == 0):
        decay = own[i]["weight_decay"]
        others = tuple(value for name, value in own[i].items() if name != "weight_decay")
        host = next((key for key in sets if key[0] == others and decay == 0), (others, decay))
        sets.setdefault(host, []).append(i)
    return list(sets.values())


def _takes(make: Any, name: str) -> bool:
    """Whether a constructor takes a keyword, or hands any on."""
    known = inspect.signature(make).parameters.values()
    return any(p.name == name or p.kind == p.VAR_KEYWORD for p in known)


def _set(opt: Any, name: str, value: Any) -> None:
    """Set the attribute of a hyperparameter, which is called as its keyword is."""
    attribute = next((x for x in (name, f"_{name}") if hasattr(opt, x)), None)
    if attribute is None:
        raise Unsupported(f"{type(opt).__name__} keeps no attribute {name} that could be changed")
    kept = getattr(opt, attribute)
    if hasattr(kept, "assign"):
        kept.assign(value)
    else:
        setattr(opt, attribute, value)


def _count(opt: Any, steps: int) -> None:
    """Set the count of steps, the only one that Keras' optimizers have."""
    rate = getattr(opt, "_learning_rate", None)
    others = [v.name for v in opt.variables
              if v.shape == () and v is not opt.iterations and v is not rate]  # fmt: skip
    if others:
        raise Unsupported(f"its state has {', '.join(others)} beside the count")
    opt.iterations.assign(steps)


def _stepper(opt: Any, variables: Sequence[Any], jit_compile: bool) -> Any:
    """Return ``step(grads)``, compiled where Model.fit compiles."""
    if sys.modules["keras"].config.backend() == "jax":
        return _stateless(opt, variables)
    options = {"jit_compile": True} if jit_compile else {}
    return compiled(lambda grads: opt.apply(grads, list(variables)), **options)


def _stateless(opt: Any, variables: Sequence[Any]) -> Any:
    apply = compiled(lambda *state: opt.stateless_apply(*state))  # jit knows one by its identity

    def step(grads: Any) -> None:
        state = [v.value for v in opt.variables]
        params, state = apply(state, grads, [v.value for v in variables])
        for v, value in zip([*variables, *opt.variables], [*params, *state], strict=True):
            v.assign(value)

    return step
