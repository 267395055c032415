"""Adapter for wdref itself: ``loopback:AdamW[variant=pytorch]``. It must conform.

Options go to the constructor; other conventions are reached through ``variant``.
"""

import inspect
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import wdref
from wdref.common.optional import optional
from wdref.conventions import CONVENTIONS
from wdref.methods import methods
from wdref.oracle import Unsupported

ml_dtypes: Any = optional("ml_dtypes")
safetensors: Any = optional("safetensors")
INSTALL = "pip install wdref"
SUPPORTS = (
    "tensors",
    "groups",
    "layout",
    "resume",
    "change",
    "scheduler",
    "order",
    "mixed",
    "count",
)
UNREMEMBERED = {"learning_rate", "weight_decay", "eps"}  # which no product over the steps reads
OWN_OPTIONS = ()  # of `drive`: all options are the constructor's
CONVENTION = "paper"
OPTIMIZERS = {
    "SGD": "sgd",
    "SGDW": "sgdw",
    "SGDW[nesterov=True]": "sgdw[nesterov=True]",
    "Adam": "adam",
    "AdamW": "adamw",
    "AdamW[backend=plain]": "adamw",
    "AdamW[amsgrad=hat]": "adamw[amsgrad=hat]",
    "AdamW[variant=pytorch]": "adamw[form=lr]",
    "AdamW[clip_by=tree]": "adamw[clip=tree]",
    "SGD[clip_by=tensor_sum]": "sgd[clip=tensor_sum]",
    "Lion": "lion",
    "Tiger": "tiger",
    "Signum": "signum",
    "SignSGD": "signsgd",
    "Adadelta": "adadelta",
    "Adamax": "adamax",
    "AdamaxW": "adamaxw",
    "AdamaxW[variant=optax]": "adamaxw[form=lr,eps=num]",
    "Adagrad": "adagrad",
    "AdagradW": "adagradw",
    "RMSprop": "rmsprop",
    "RMSpropW[centered=True]": "rmspropw[centered=True]",
    "NAdam": "nadam",
    "NAdamW": "nadamw",
    "NAdamW[variant=keras]": "nadamw[form=lr,ramp=whole,average=beta1,second=plain]",
    "RAdam": "radam",
    "RAdamW": "radamw",
    "RAdamW[variant=pytorch]": "radamw[form=lr,threshold=over_5,eps=hat]",
    "Rprop": "rprop",
    "LAMB": "lamb",
    "LAMB[backend=plain]": "lamb",
    "StableAdamW": "stableadamw",
    "StableAdamW[variant=timm]": "stableadamw[measure=added,rate=raw,bias=moments]",
    "CautiousAdamW": "cautiousadamw",
    "CautiousAdamW[variant=timm]": "cautiousadamw[order=together,scale=mean]",
    "CautiousLion": "cautiouslion",
    "Grams": "grams",
    "Sophia": "sophia",
    "Sophia[backend=plain]": "sophia",
    "Sophia[variant=optax]": "sophia[refresh=after,bias=moment]",
    "Fromage": "fromage",
    "Fromage[variant=optax]": "fromage[floor=norms]",
    "LARS": "lars",
    "LARS[variant=optax]": "lars[norms=sum,eps=outside]",
    "LARS[nesterov=True]": "lars[nesterov=True]",
    "MARS": "mars",
    "MARS[variant=pytorch_optimizer]": "mars[start=zero,eps=hat]",
    "MARSLion": "marslion",
    "MARSLion[start=zero]": "marslion[start=zero]",
    "MADGRAD": "madgrad",
    "MADGRAD[variant=optax]": "madgrad[rate=eps]",
    "SM3": "sm3",
    "SM3[variant=optax]": "sm3[eps=fixed]",
    "NovoGrad": "novograd",
    "NovoGrad[averaging=all,start=again]": "novograd[averaging=all,start=again]",
    "Prodigy": "prodigy",
    "Prodigy[variant=optax]": "prodigy[eps=new,bias=rate]",
    "DAdaptAdamW": "dadaptadamw",
    "DoG": "dog",
    "DoWG": "dowg",
    "Adafactor": "adafactor",
    "Adafactor[backend=plain]": "adafactor",
    "Adafactor[variant=pytorch]": "adafactor[form=lr,eps=bound]",
    "ASGD": "asgd",
}


def load(optimizer: str, **options: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for a method of wdref by name."""
    method = _method(optimizer, options)
    known = CONVENTIONS[options.get("variant", "paper").replace("-", "_")]
    decays = options.get("form", known[method.claim].form) != "none"
    taken = inspect.signature(method).parameters

    def run(case: Any) -> Any:
        hyper = _words(case.hyper, decays)
        if foreign := [name for name in hyper if name not in taken]:
            raise Unsupported(f"wdref.{optimizer} has no {foreign[0]}: ask it as another rule")
        if case.dtype == "bfloat16" and ml_dtypes is None:
            raise Unsupported("NumPy has bfloat16 with ml_dtypes only")
        # the schedule of a late tensor begins late: the optimizer counts from its own first step
        if case.starts is not None or "add" in case.life:
            raise Unsupported("wdref counts one t for a whole tree")
        own = {str(i): _words(group, decays) for i, group in enumerate(case.groups or ())}

        def make(schedule: Any) -> Any:
            return method(**hyper, **options, groups=own, schedule=schedule)

        return _Training(make, case, partial(_words, decays=decays)).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


def drive(make: Callable[..., Any], words: Any) -> Callable[[Any], Any]:
    """Return `run(case)` for what `make`, one of wdref's own methods, makes of keywords.

    ``words(hyper)`` are the keywords, `words.fixed` those that every object gets.
    """

    def run(case: Any) -> Any:
        if case.dtype == "bfloat16" and ml_dtypes is None:
            raise Unsupported("NumPy has bfloat16 with ml_dtypes only")
        if case.starts is not None or "add" in case.life:
            raise Unsupported("wdref counts one t for a whole tree")
        own = {str(i): words(group) for i, group in enumerate(case.groups or ())}
        given = {**words(case.hyper), **words.fixed, "groups": own}
        return _Training(lambda schedule: make(**given, schedule=schedule), case, words).run()

    run.supports = SUPPORTS  # type: ignore[attr-defined]  # the contract
    return run


class _Training:
    """A case of one optimizer, with what befalls it: every event by what wdref's users have."""

    def __init__(self, make: Callable[[Any], Any], case: Any, words: Callable[[Any], Any]) -> None:
        self.case, self.words, self.make = case, words, make
        self.eta: dict[int, float] = {}  # by the optimizer's own t
        self.many = "tensors" in case.flags
        thetas = case.theta0 if self.many else [case.theta0]
        self.grads = case.grads if self.many else [case.grads]
        self.params = {str(i): self._array(i, theta) for i, theta in enumerate(thetas)}
        self.path: list[list[Any]] = [[] for _ in thetas]
        self.opt = make(self.eta.__getitem__)
        self.state = self.opt.init(self.params)

    def run(self) -> Any:
        """Return the parameters after each step."""
        for t, eta in enumerate(self.case.eta.tolist(), start=1):
            for k, new in self.case.life.get("change", ()):
                if self.opt.dialect.running and not set(new) <= UNREMEMBERED:
                    raise Unsupported("wdref's product over the steps is of the present numbers")
                self.opt = self.opt.replace(**self.words(new)) if k == t else self.opt
            self.eta[self.state.step + 1] = eta
            now = {k: self._array(int(k), self.grads[int(k)][t - 1]) for k in self.params}
            self.state = self.opt.step(self.params, now, self.state, **self._given(t))
            for name, x in self.params.items():
                self.path[int(name)].append(x.astype(np.float64))
            self._befall(t)
        whole = [np.array(self._filled(rows)) for rows in self.path]
        return whole if self.many else whole[0]

    def _array(self, i: int, x: Any) -> Any:
        mixed = self.case.life.get("mixed")
        return _view(x, self.case.layout, mixed[i] if mixed else self.case.dtype)

    def _given(self, t: int) -> dict[str, Any]:
        """What the rule is given beside the gradients, at the steps that read it."""
        if not self.opt.due(self.state.step + 1):
            return {}
        named = {name: x if self.many else [x] for name, x in self.case.inputs.items()}
        return {name: {k: self._array(int(k), x[int(k)][t - 1]) for k in self.params}
                for name, x in named.items()}  # fmt: skip

    def _befall(self, t: int) -> None:
        life = self.case.life
        if life.get("resume") == t:
            self._resume()
        if life.get("jump", (0, 0))[0] == t:
            self._begin(life["jump"][1] - 1)
        if life.get("remove", (0, 0))[1] == t:
            self.params = {k: x for k, x in self.params.items() if int(k) != life["remove"][0]}
            self._begin(self.state.step)

    def _resume(self) -> None:
        if safetensors is None:
            raise Unsupported("checkpoints need safetensors: pip install 'wdref[checkpoint]'")
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "training.safetensors")
            wdref.save(file, self.params, self.state, optimizer=self.opt)
            self.opt = self.make(self.eta.__getitem__)
            self.params, self.state = wdref.load(file, optimizer=self.opt, like=self.params)

    def _begin(self, step: int) -> None:
        """Go on at another t, or with fewer tensors."""
        self.eta[step] = self.eta[self.state.step]
        slots = {name: {key: tree[key] for key in self.params}
                 for name, tree in self.state.slots.items()}  # fmt: skip
        self.state = self.opt.init(self.params, step=step, slots=slots)

    def _filled(self, rows: list[Any]) -> list[Any]:
        """All rows, those of a tensor that has left as it was."""
        return rows + rows[-1:] * (len(self.case.eta) - len(rows))


def version() -> str:
    """Return wdref's version."""
    return str(wdref.__version__)


def defaults(optimizer: str, **options: Any) -> dict[str, Any]:
    """Return the method's defaults."""
    own = inspect.signature(_method(optimizer, options)).parameters
    family = _method(optimizer, options).family
    numbers = {"learning_rate", "weight_decay", "betas", *(h.name for h in family.hyper)} - {"clip"}
    return {
        name: p.default
        for name, p in own.items()
        if name in numbers and p.default is not inspect.Parameter.empty
    }


def primitives(dtype: str) -> dict[str, Callable[..., Any]]:
    """Return NumPy's elementary operations, for the oracle to measure."""
    return {
        "sqrt": np.sqrt,
        "divide": np.divide,
        "multiply": np.multiply,
        "fused": lambda x, y, z: x * y + z,
    }


def _method(optimizer: str, options: Mapping[str, Any]) -> Any:
    if optimizer not in methods():
        raise ValueError(f"loopback adapter: no {optimizer!r}; it knows {', '.join(methods())}")
    method = methods()[optimizer]
    known = list(inspect.signature(method).parameters)
    for name in options:
        if name not in known:
            raise ValueError(
                f"loopback adapter: {optimizer} has no option {name!r}; it has {', '.join(known)}"
            )
    return method


def _words(hyper: Any, decays: bool) -> dict[str, Any]:
    """The hyperparameters as the method takes them; without a decay none is given."""
    words = _betas(hyper)
    return words if decays else {k: x for k, x in words.items() if k != "weight_decay"}


def _betas(hyper: Any) -> dict[str, Any]:
    words = dict(hyper)
    if {"beta1", "beta2"} <= set(words):
        words["betas"] = (words.pop("beta1"), words.pop("beta2"))
    return words


def _view(x: Any, layout: str, dtype: str) -> Any:
    if dtype == "bfloat16":
        x = x.astype(ml_dtypes.bfloat16)
    if layout == "contiguous":
        return x.copy()
    base = np.zeros(2 * len(x) + 1, x.dtype)
    view = base[1 : 2 * len(x) : 2] if layout == "strided" else base[1 : len(x) + 1]
    view[...] = x
    return view
