"""Twists: functions that make one thing of a dialect other, as bugs do.

Of its scalars ``(s, hyper, t) -> s``, of its step ``(base, theta, g, slots, s) -> (theta, slots)``,
or of the schedule ``η -> η``.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from ...rules.contract import Dialect, Hyper
from ..cases.case import Array

# -- twisted scalars ------------------------------------------------------------------------------


def negate_l2(s: Any, h: Hyper, t: int) -> Any:
    """The L2 term with the wrong sign (M01)."""
    return s._replace(l2=-1 * s.l2)


def keep_only_decayed(s: Any, h: Hyper, t: int) -> Any:
    """θ ← k θ for (1 - k) θ (M02)."""
    return s._replace(decay=1 - s.decay)


def swap_eps_and_decay(s: Any, h: Hyper, t: int) -> Any:
    """ε and λ exchanged (M14)."""
    return s._replace(eps=h["weight_decay"], decay=s.step * h["eps"])


def divide_l2(s: Any, h: Hyper, t: int) -> Any:
    """λ divided by a batch of 32 (M16)."""
    return s._replace(l2=s.l2 / 32)


def double_decay(s: Any, h: Hyper, t: int) -> Any:
    """(1 - k)² θ for (1 - k) θ (M47)."""
    return s._replace(decay=s.decay * (2 - s.decay))


def rate_twice(s: Any, h: Hyper, t: int) -> Any:
    """η² α² λ for η α λ (M48)."""
    return s._replace(decay=s.step * s.decay)


def scale_decay(s: Any, h: Hyper, t: int) -> Any:
    """λ off by √64 (M15)."""
    return s._replace(decay=s.decay * 8)


def inverted_bias(s: Any, h: Hyper, t: int) -> Any:
    """β2^t for 1 - β2^t (M25)."""
    return s._replace(bias2=1 - s.bias2)


def frozen_bias2(s: Any, h: Hyper, t: int) -> Any:
    """1 - β2 for 1 - β2^t (M25)."""
    return s._replace(bias2=s.one_minus_beta2)


def multiplied_bias(s: Any, h: Hyper, t: int) -> Any:
    """Moments times their corrections, not divided by them (M49)."""
    return s._replace(bias1=1 / s.bias1, bias2=1 / s.bias2)


def product_of_biases(s: Any, h: Hyper, t: int) -> Any:
    """Both moments over (1 - β1^t)(1 - β2^t) (M50)."""
    both = s.bias1 * s.bias2
    return s._replace(bias1=both, bias2=both)


def stuck_step(s: Any, h: Hyper, t: int) -> Any:
    """The count stays 256, as in a counter of 8 bits of mantissa (M51)."""
    count = min(t, 256)
    return s._replace(bias1=1 - h["beta1"] ** count, bias2=1 - h["beta2"] ** count)


def zeroed_buffer(s: Any, h: Hyper, t: int) -> Any:
    """The buffer is 0 before each step (M42)."""
    return s._replace(beta1=0 * s.beta1)


def naked_first(s: Any, h: Hyper, t: int) -> Any:
    """The first gradient enters the buffer without the rate (M44)."""
    return s._replace(step=1.0, gain=1.0) if t == 1 else s


def frozen_step(s: Any, h: Hyper, t: int) -> Any:
    """The count stays 1 (M39)."""
    return s._replace(bias1=s.one_minus_beta1, bias2=s.one_minus_beta2)


def counted_twice(s: Any, h: Hyper, t: int) -> Any:
    """The count goes by two (M40)."""
    return s._replace(bias1=1 - h["beta1"] ** (2 * t), bias2=1 - h["beta2"] ** (2 * t))


# -- twisted steps --------------------------------------------------------------------------------


def _bare(s: Any) -> Any:
    return s._replace(decay=None)


def constant_decay(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """The decay is k, not k θ (M03)."""
    new, slots = base.apply(theta, g, slots, _bare(s))
    return new - s.decay, slots


def squared_decay(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """The decay is k θ², not k θ (M32)."""
    new, slots = base.apply(theta, g, slots, _bare(s))
    return new - s.decay * (theta * theta), slots


def sign_decay(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """The decay is k sign(θ), not k θ (M38)."""
    new, slots = base.apply(theta, g, slots, _bare(s))
    return new - s.decay * array_namespace(theta).sign(theta), slots


def l2_in_step_only(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """λ θ added to m̂, not to g (M30)."""
    xp = array_namespace(theta)
    new, slots = base.apply(theta, g, slots, s._replace(l2=None))
    _, v = slots
    return new - s.step * (s.l2 * theta / (xp.sqrt(v / s.bias2) + s.eps)), slots


def skipped_zeros(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """Nothing happens where g is 0 (skip_zeros of bitsandbytes)."""
    xp = array_namespace(theta)
    new, new_slots = base.apply(theta, g, slots, s)
    zero = abs(g) <= 0.0
    kept = (xp.where(zero, old, x) for old, x in zip(slots, new_slots, strict=True))
    return xp.where(zero, theta, new), tuple(kept)


def forgotten_state(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """The moments are 0 before each step, and t counts on (M52)."""
    return base.apply(theta, g, [0 * x for x in slots], s)


def stored_nesterov(base: Dialect, theta: Any, g: Any, slots: Sequence[Any], s: Any, /) -> Any:
    """Nesterov's direction is what the buffer keeps (M43)."""
    new, (m,) = base.apply(theta, g, slots, s)
    g = g if s.l2 is None else g + s.l2 * theta
    return new, (s.beta1 * m + s.look * g,)


# -- twisted schedules ----------------------------------------------------------------------------


def early(eta: Array) -> Array:
    """η_{t+1} for η_t, the last as it is (M53)."""
    return np.append(eta[1:], eta[-1:])
