"""Who is measured beside wdref: PyTorch, optax and thinc, each as its users run it."""

import inspect
from functools import cache, partial
from typing import Any

import numpy as np

from wdref.words import table

from .cases import BOUND, CLIPPED, LEARNING_RATE, RULES, WEIGHT_DECAY, Array, Arrays, Case
from .subjects import Absent, Step, Subject

SMALL = 1_000_000  # parameters up to which one thread may do better than all
THINC_STEPS = 100  # m has then decayed by 3e-5: no subnormal numbers yet


def torch_settings(rule: str) -> tuple[str, dict[str, Any]]:
    """Class and options: PyTorch's SGD has L2 regularisation only, which moves the same bytes."""
    if rule == "sgdw":
        return "SGD", {"lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY, "momentum": 0.9}
    words = table()["pytorch"].get(rule)
    if words is None:
        raise Absent(f"PyTorch has no {rule}")
    numbers = {"learning_rate": LEARNING_RATE, "weight_decay": WEIGHT_DECAY}
    options = {words.their(ours): x for ours, x in numbers.items() if ours in words.names}
    return words.optimizer.removeprefix("torch.optim."), options


def torch_step(case: Case, params: list[Any], grads: list[Any], slots: Any, mode: str) -> Step:
    """Step PyTorch's optimizer on tensors that share the memory of the case.

    PyTorch keeps the state of a half-precision parameter in half precision, and refuses another:
    then it moves fewer bytes than the rest.
    """
    import torch

    rule = case.rule.removesuffix(CLIPPED)
    name, options = torch_settings(rule)
    known = inspect.signature(getattr(torch.optim, name)).parameters
    flags = {flag: flag == mode for flag in ("foreach", "fused") if flag in known}
    if mode != "loop" and mode not in flags:
        raise Absent(f"PyTorch's {name} has no {mode}")
    leaves = [torch.nn.Parameter(p) for p in params]
    for leaf, g in zip(leaves, grads, strict=True):
        leaf.grad = g
    opt = getattr(torch.optim, name)(leaves, **options, **flags)
    notes = ["L2 instead of decoupled decay"] if rule == "sgdw" else []
    if case.half:
        notes.append(f"state in {case.dtype}")
    elif rule in RULES:  # else PyTorch makes its own
        device = params[0].device if mode == "fused" else "cpu"
        for i, leaf in enumerate(leaves):
            opt.state[leaf] = _torch_state(torch, [own[i] for own in slots.values()], device)
    traffic = case.traffic(state=2 if case.half else 4)
    if rule == case.rule:
        return Step(opt.step, traffic=traffic, note="; ".join(notes))

    def run() -> None:
        torch.nn.utils.clip_grad_norm_(leaves, BOUND)
        opt.step()

    written = 2 * params[0].element_size()
    return Step(run, traffic=traffic + written, note="; ".join([*notes, "scales its gradients"]))


def _torch_state(torch: Any, slots: list[Any], device: Any) -> dict[str, Any]:
    if len(slots) == 1:
        return {"momentum_buffer": slots[0]}
    step = torch.zeros((), dtype=torch.float32, device=device)
    return {"step": step, "exp_avg": slots[0], "exp_avg_sq": slots[1]}


def _torch(case: Case, arrays: Arrays, mode: str, threads: int | None) -> Step:
    import torch

    from_numpy = partial(_tensor, torch)
    slots = {name: list(map(from_numpy, own)) for name, own in arrays.slots.items()}
    params, grads = (list(map(from_numpy, own)) for own in (arrays.params, arrays.grads))
    step = torch_step(case, params, grads, slots, mode)
    every = _all_threads()

    def before() -> None:
        torch.set_num_threads(threads or every)

    return Step(step.run, before, traffic=step.traffic, note=step.note)


@cache
def _all_threads() -> int:
    """Return the number that PyTorch starts with."""
    import torch

    return int(torch.get_num_threads())


def _tensor(torch: Any, x: Array) -> Any:
    if x.dtype.name == "bfloat16":  # unknown to from_numpy
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)


def _optax(case: Case, arrays: Arrays) -> Step:
    """Update under jit with donated buffers; half-precision parameters with float32 state."""
    import jax
    import jax.numpy as jnp
    import optax

    tx = _transformation(optax, case.rule)
    wide = partial(jax.tree.map, lambda x: x.astype(jnp.float32))

    def step(params: Any, state: Any, grads: Any) -> Any:
        theta = wide(params)
        updates, state = tx.update(wide(grads), state, theta)
        new = optax.apply_updates(theta, updates)
        return jax.tree.map(lambda x, p: x.astype(p.dtype), new, params), state

    with jax.default_device(jax.devices("cpu")[0]):
        params, grads = (
            [jnp.array(x, copy=True) for x in own] for own in (arrays.params, arrays.grads)
        )
        state = tx.init(wide(params))
        compiled = jax.jit(step, donate_argnums=(0, 1)).lower(params, state, grads).compile()

    def run() -> None:
        nonlocal params, state
        params, state = compiled(params, state, grads)
        jax.block_until_ready((params, state))

    return Step(run)


def _transformation(optax: Any, rule: str) -> Any:
    if rule.endswith(CLIPPED):
        plain = _transformation(optax, rule.removesuffix(CLIPPED))
        return optax.chain(optax.clip_by_global_norm(BOUND), plain)
    if rule == "lamb":
        return optax.lamb(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    if rule == "adamw":
        return optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    decay = optax.add_decayed_weights(WEIGHT_DECAY)
    if rule == "adam":
        return optax.chain(decay, optax.adam(LEARNING_RATE))
    if rule == "sgdw":
        return optax.chain(optax.trace(decay=0.9), decay, optax.scale(-LEARNING_RATE))
    raise Absent(f"{rule} is not measured on optax")


def _thinc(case: Case, arrays: Arrays) -> Step:
    """Call the optimizer on each tensor. It zeroes the gradient, which costs 4 bytes more."""
    from thinc.api import Adam

    if case.rule not in ("adamw", "adam"):
        raise Absent("thinc's Adam alone is measured")
    if case.half:
        raise Absent("thinc computes in float32 only")
    opt = Adam(LEARNING_RATE, L2=WEIGHT_DECAY, L2_is_weight_decay=case.rule == "adamw",
               grad_clip=0.0, use_averages=False)  # fmt: skip
    params, grads = arrays.params, [np.empty_like(g) for g in arrays.grads]
    leaves = [((i, "w"), p, g) for i, (p, g) in enumerate(zip(params, grads, strict=True))]

    def before() -> None:
        for x in (*opt.mom1.values(), *opt.mom2.values()):
            x.fill(0.0)
        for g in grads:
            g.fill(0.5)

    def run() -> None:
        for leaf in leaves:
            opt(*leaf)
        opt.step_schedules()

    return Step(run, before, most=THINC_STEPS, traffic=case.traffic() + 4,
                note="zeroes the gradient")  # fmt: skip


PEERS = (
    *(
        Subject(f"torch {mode}", "bench", partial(_torch, mode=mode, threads=None))
        for mode in ("fused", "foreach", "loop")
    ),
    Subject(
        "torch fused, 1 thread",
        "bench",
        partial(_torch, mode="fused", threads=1),
        lambda case: case.parameters <= SMALL,
    ),
    Subject("optax", "bench", _optax),
    Subject("thinc", "bench", _thinc),
)
