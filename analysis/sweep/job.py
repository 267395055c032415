"""One job of a sweep: an optimizer and a form of decay over a grid, from each seed."""

from dataclasses import dataclass
from typing import Any

import wdref
from wdref.common.checks import check_count, check_number
from wdref.schedules import Schedule

OPTIMIZERS = {"sgd": wdref.SGD, "sgdw": wdref.SGDW, "adam": wdref.Adam, "adamw": wdref.AdamW}
FORMS = {"sgd": ("l2",), "sgdw": ("paper", "lr"), "adam": ("l2",), "adamw": ("paper", "lr")}
SCHEDULES = ("fixed", "steps", "cosine", "warm-restarts")
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Job:
    """A grid of learning rates and weight decays, and all that the result depends on.

    `options` are the problem's. The learning rate drops tenfold at 30, 60 and 80 % of the `steps`
    ("steps", as in the paper's Figure 1), falls as a cosine, or restarts in cycles of 1/7, 2/7 and
    4/7 of them ("warm-restarts"). `record` is the number of points in time that curves have.

    Raises ValueError for what cannot be run, naming it.

    >>> Job("digits", learning_rates=(0.1, 0.0), weight_decays=(0.0,))
    Traceback (most recent call last):
    ValueError: learning_rates[1]=0.0: expected a finite number > 0
    """

    problem: str
    options: tuple[tuple[str, Any], ...] = ()
    optimizer: str = "adamw"
    form: str = "paper"
    schedule: str = "cosine"
    steps: int = 1000
    batch: int = 32
    learning_rates: tuple[float, ...] = ()
    weight_decays: tuple[float, ...] = ()
    seeds: tuple[int, ...] = (0,)
    dtype: str = "float32"
    record: int = 0
    momentum: float = 0.9
    betas: tuple[float, float] = (0.9, 0.99)
    eps: float = 1e-8

    def __post_init__(self) -> None:
        """Check the fields."""
        self._check_known()
        check_count("steps", self.steps)
        check_count("batch", self.batch)
        for name, bound in (("learning_rates", {"above": 0.0}), ("weight_decays", {"low": 0.0})):
            values = [
                check_number(f"{name}[{i}]", x, **bound) for i, x in enumerate(getattr(self, name))
            ]
            object.__setattr__(self, name, tuple(values))  # Python's floats, whatever came
        if not all(isinstance(seed, int) and seed >= 0 for seed in self.seeds):
            raise ValueError(f"seeds={self.seeds}: expected whole numbers >= 0")
        for name in ("learning_rates", "weight_decays", "seeds"):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name} is empty: expected at least one value")
            if len(set(values)) < len(values):
                raise ValueError(f"{name}={values}: a value comes twice")
        if not 0 <= self.record <= self.steps:
            raise ValueError(f"record={self.record}: expected 0 to {self.steps}, the steps")
        self.method(self.learning_rates[0], self.weight_decays[0])  # checks the rest

    def _check_known(self) -> None:
        for name, known in (
            ("optimizer", tuple(OPTIMIZERS)),
            ("form", FORMS.get(self.optimizer, ())),
            ("schedule", SCHEDULES),
            ("dtype", DTYPES),
        ):
            if getattr(self, name) not in known:
                whose = f" of {self.optimizer}" if name == "form" else ""
                found = f"{name}={getattr(self, name)!r}{whose}"
                raise ValueError(f"{found}: expected {' or '.join(map(repr, known))}")

    @property
    def points(self) -> list[tuple[float, float]]:
        """The grid: learning rate and weight decay, the decay running fastest."""
        return [(a, w) for a in self.learning_rates for w in self.weight_decays]

    def method(self, learning_rate: float, weight_decay: float, **options: Any) -> wdref.Optimizer:
        """Return the optimizer of one grid point, as a user would write it."""
        own: dict[str, Any] = {"betas": self.betas, "eps": self.eps}
        if self.optimizer in ("sgd", "sgdw"):
            own = {"momentum": self.momentum}
        own |= {"form": self.form, "schedule": self.multiplier(), **options}
        kind: Any = OPTIMIZERS[self.optimizer]
        found: wdref.Optimizer = kind(learning_rate=learning_rate, weight_decay=weight_decay, **own)
        return found

    def multiplier(self) -> Schedule:
        """η_t, the schedule of the learning rate."""
        if self.schedule == "fixed":
            return wdref.schedules.constant()
        if self.schedule == "steps":
            return wdref.schedules.step_drop(self.steps * share / 10 for share in (3, 6, 8))
        if self.schedule == "cosine":
            return wdref.schedules.cosine(self.steps)
        return wdref.schedules.warm_restarts(self.steps / 7, 2)

    def times(self) -> tuple[int, ...]:
        """Steps after which is measured, the last one among them."""
        count = self.record or 1
        return tuple(round(self.steps * k / count) for k in range(1, count + 1))
