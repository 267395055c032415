"""Written by `python -m wdref.methods.stub`; do not edit."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from ..decay import WeightDecay
from ..optimizer import Optimizer, Predicate, Tree
from ..rules.contract import Claim, Family
from ..rules.decay import Clip, Form, Order
from ..schedules import Schedule

class Method(Optimizer):
    family: ClassVar[Family]
    record: ClassVar[Claim]
    claim: ClassVar[str]
    def replace(self, **arguments: Any) -> Self: ...
    @classmethod
    def like(cls, convention: str, /, **options: Any) -> Self: ...

def methods() -> dict[str, type[Method]]: ...

class SGD(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        momentum: float = ...,
        dampening: float | None = ...,
        nesterov: Literal[False, True, "twice", "reread"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class SGDW(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        momentum: float = ...,
        dampening: float | None = ...,
        nesterov: Literal[False, True, "twice", "reread"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Adam(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        amsgrad: Literal["none", "raw", "hat"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class AdamW(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        amsgrad: Literal["none", "raw", "hat"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Adadelta(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        rho: float = ...,
        eps: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Adafactor(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        beta1: float | None = ...,
        power: float = ...,
        eps: float = ...,
        eps2: float = ...,
        threshold: float = ...,
        rate: Literal["relative", "free", "constant"] | None = ...,
        scale: Literal["parameter", "thousandth", "none"] | None = ...,
        factored: Literal["matrices", "never"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Adagrad(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        eps: float = ...,
        initial: float | None = ...,
        annealing: float | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class AdagradW(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        eps: float = ...,
        initial: float | None = ...,
        annealing: float | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Adamax(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class AdamaxW(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class ASGD(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        penalty: float = ...,
        exponent: float = ...,
        onset: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class CautiousAdamW(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        scale: Literal["count", "mean"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class CautiousLion(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        scale: Literal["count", "mean"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Grams(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class DAdaptAdamW(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        distance: float = ...,
        bias: Literal["none", "rate"] | None = ...,
        metric: Literal["new", "old"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class DoG(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        eps: float = ...,
        distance: float = ...,
        start: Literal["relative", "distance"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class DoWG(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        eps: float = ...,
        distance: float = ...,
        start: Literal["relative", "distance"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Fromage(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        min_norm: float | None = ...,
        shrink: Literal["all", "none"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class LAMB(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        trust: Literal["free", "bounded"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class LARS(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        momentum: float = ...,
        trust_coefficient: float = ...,
        eps: float | None = ...,
        nesterov: bool | None = ...,
        norms: Literal["parts", "sum", "gradient"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Lion(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Tiger(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        beta2: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Signum(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        beta2: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class SignSGD(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class MADGRAD(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        momentum: float = ...,
        eps: float = ...,
        rate: Literal["plain", "eps"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class NAdam(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        psi: float = ...,
        eps: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class NAdamW(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        psi: float = ...,
        eps: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class NovoGrad(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        averaging: Literal["none", "all", "later"] | None = ...,
        start: Literal["first", "again", "zero"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Prodigy(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        distance: float = ...,
        coefficient: float = ...,
        bias: Literal["none", "rate"] | None = ...,
        weight: Literal["rate", "distance"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class RAdam(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class RAdamW(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class RMSprop(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        rho: float = ...,
        momentum: float = ...,
        eps: float = ...,
        centered: bool | None = ...,
        nesterov: bool | None = ...,
        initial: float | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class RMSpropW(Method):
    def __init__(
        self,
        *,
        learning_rate: float = ...,
        weight_decay: WeightDecay | None = ...,
        rho: float = ...,
        momentum: float = ...,
        eps: float = ...,
        centered: bool | None = ...,
        nesterov: bool | None = ...,
        initial: float | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class Rprop(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        shrink: float = ...,
        grow: float = ...,
        smallest: float = ...,
        largest: float = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        clip: float | None = ...,
        clip_by: Clip | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class SM3(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        momentum: float = ...,
        beta2: float | None = ...,
        eps: float | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...

class StableAdamW(Method):
    def __init__(
        self,
        *,
        learning_rate: float,
        weight_decay: WeightDecay | None = ...,
        betas: tuple[float, float] = ...,
        eps: float = ...,
        measure: Literal["clamped", "added", "step"] | None = ...,
        rate: Literal["clipped", "raw"] | None = ...,
        schedule: Schedule | None = ...,
        variant: str = ...,
        form: Form | None = ...,
        order: Order | None = ...,
        answers: Mapping[str, Any] | None = ...,
        decay_mask: Predicate | Tree | None = ...,
        groups: Mapping[str | Predicate, Mapping[str, Any]] | None = ...,
        state_dtype: Literal["float32", "params"] = ...,
        master_weights: bool = ...,
        backend: str | None = ...,
    ) -> None: ...
