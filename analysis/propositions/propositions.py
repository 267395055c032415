"""Propositions 1 to 3 of Loshchilov & Hutter (2019), each shown with numbers that carry a proof.

The rules of wdref run on balls, which contain the real-number result. That two trajectories are
the same is certified from above (they are closer than 1e-40), that they differ from below.
Whatever is proven is proven of Algorithms 1 and 2 in real arithmetic, in one `Setting`.

>>> from wdref.analysis.propositions.propositions import all_findings
>>> all(finding.holds for finding in all_findings())
True
"""

from collections.abc import Sequence
from typing import Any

from flint import arb

from wdref.conventions import dialect
from wdref.decay import normalised

from . import solutions
from .findings import Finding, certified, inside, largest, none, same, shown
from .runs import TINY, Path, above, apart, farthest, run
from .setting import Setting, setting

ADAM_STEPS = 20  # sets of λ' cost the square of the steps


def all_findings(grads: Any = None, theta0: Any = None, /, **hyper: float) -> list[Finding]:
    """Return every finding, for the caller's gradients (T, n) and θ_0 (n,) or the built-in ones.

    Raises ValueError, saying what was expected, for a setting that cannot be (`setting`).
    """
    return findings(setting(grads, theta0, **hyper))


def findings(s: Setting, /) -> list[Finding]:
    """Return every finding in the setting `s`."""
    return [show(s) for show in FINDINGS]


# -- Proposition 1 -------------------------------------------------------------------------------


@certified
def sgd(s: Setting) -> Finding:
    """Proposition 1: SGD with decay λ is SGD with L2 and λ' = λ/α, without momentum.

    Algorithm 1 with β1 = 0 under a schedule. A step of the one is θ - η_t α g - η_t λ θ, of the
    other θ - η_t α (g + λ' θ): the same if and only if λ' = λ/α. η_t multiplies both terms, so
    that one λ' serves all steps; with α_t = η_t α and λ_t = η_t λ it is the λ'_t = λ_t/α_t below.
    """
    decayed = run(s, dialect("sgdw"), momentum=0.0)
    l2 = run(s, dialect("sgd"), momentum=0.0, weight_decay=_coefficient(s))
    return same("P1", "SGD under a schedule: decay λ is L2 with λ' = λ/α", decayed, l2)


@certified
def restarts(s: Setting) -> Finding:
    """Proposition 1 with λ_t normalised anew at each restart (Appendix B.1): λ'_t = λ_t/α."""
    alpha = arb(s.hyper["learning_rate"])
    lam = normalised(4 * s.hyper["weight_decay"], batch_size=1, dataset_size=1, schedule=s.schedule)
    decayed = run(s, dialect("sgdw"), momentum=0.0, weight_decay=lam)
    l2 = run(s, dialect("sgd"), momentum=0.0, weight_decay=lambda t: arb(lam(t)) / alpha)
    used = sorted({lam(t) for t in range(1, len(s.grads) + 1)})
    return same("P1-restarts", "SGD with a decay λ_t that changes at restarts: λ'_t = λ_t/α",
                 decayed, l2, {"lambda_t": used})  # fmt: skip


@certified
def unscheduled(s: Setting) -> Finding:
    """Proposition 1 where the schedule leaves the decay alone (Eq. 1): λ'_t = λ/α_t, α_t = η_t α.

    One λ' does not serve all steps here: the distance with the constant λ/α is given too.
    """
    alpha, lam = arb(s.hyper["learning_rate"]), arb(s.hyper["weight_decay"])
    decayed = run(s, dialect("sgdw", form="fixed"), momentum=0.0)
    varying = {"weight_decay": lambda t: lam / (arb(s.schedule(t)) * alpha)}
    l2 = run(s, dialect("sgd"), momentum=0.0, **varying)
    constant = run(s, dialect("sgd"), momentum=0.0, weight_decay=lam / alpha)
    return same("P1-fixed", "SGD whose decay λ has no schedule: λ'_t = λ/(η_t α)", decayed, l2,
                 {"distance_with_constant": apart(decayed, constant)})  # fmt: skip


@certified
def momentum(s: Setting) -> Finding:
    """Proposition 1 fails with momentum: Algorithm 1's two lines give different trajectories.

    The L2 term enters the buffer and acts again at later steps. λ' = λ/α is measured, and no other
    λ' does better: the sets of λ' that serve step 1 and step 2 of one coordinate are disjoint.
    """
    decayed = run(s, dialect("sgdw"))
    l2 = run(s, dialect("sgd"), weight_decay=_coefficient(s))
    first, second = solutions.of_affine_steps(s, dialect("sgd"), decayed)[:2]
    disjoint = [
        {"coordinate": i, "steps_1_and_2": [solutions.shown(x) for x in pair]}
        for i, *pair in zip(s.coordinates, first, second, strict=True)
        if not solutions.common(pair)
    ]
    distance = apart(decayed, l2)
    return Finding(
        id="P1-momentum",
        statement="SGD with momentum: no λ' makes L2 the decay, λ/α does not either",
        holds=distance > 0 and bool(disjoint),
        bound=distance,
        relation=">=",
        measure="relative distance with λ/α",
        detail=disjoint[0] if disjoint else {},
    )


# -- Proposition 2 -------------------------------------------------------------------------------


@certified
def preconditioned(s: Setting) -> Finding:
    """Proposition 2 for a fixed diagonal preconditioner M = diag(s)^-1 that is no multiple of I.

    Proven: for each step t there is no real λ' with θ_{t,i} of L2 equal to θ_{t,i} of the decayed
    rule in all coordinates i. α M_ii λ' θ = λ θ leaves coordinate i nothing but λ' = λ/(α M_ii) =
    λ s_i/α; each set, found from the rule alone, contains that value.
    """
    _, sets = _preconditioned(s, s.scale)
    expected = [_coefficient(s) * arb(x) for x in s.scale]
    agree = all(inside(x, found) for row in sets for x, found in zip(expected, row, strict=True))
    detail = {"s": list(s.scale), **shown(s, sets, 1)}
    return none("P2-fixed", "Fixed preconditioner M ≠ kI: no λ' makes L2 the decay", sets,
                 detail, also=agree)  # fmt: skip


@certified
def identity(s: Setting) -> Finding:
    """Proposition 2's exception, M = kI: the sets coincide, λ' = λ/(αk) serves all coordinates.

    The same computation as above, with the other answer. That λ/(αk) serves is certified by its
    trajectory.
    """
    k = 0.5
    decayed, sets = _preconditioned(s, [1 / k] * len(s.scale))
    lam = _coefficient(s) / arb(k)
    rate = _rates(s, [1 / k])[0]
    l2 = run(s, dialect("sgd"), momentum=0.0, learning_rate=rate, weight_decay=lam)
    both = same("", "", decayed, l2)
    found = [x for row in sets for each in row for x in each if x.is_finite()]
    bound = largest([above(abs(x / lam - 1)) for x in found])
    serves = all(inside(lam, each) for row in sets for each in row)
    return Finding(
        id="P2-identity",
        statement="Preconditioner kI: the sets of λ' coincide, λ' = λ/(αk) serves all",
        holds=serves and bound < TINY and both.holds,
        bound=bound,
        relation="<=",
        measure="relative distance of any λ' from λ/(αk)",
        detail={"k": k, "distance_of_trajectories": both.bound, **shown(s, sets, 1)},
    )


@certified
def adam_first(s: Setting) -> Finding:
    """Proposition 2 for Adam, step 1, where M_1 = diag(1/(|g_1 + λ' θ_0| + ε)).

    Proven: no real λ' takes Adam with L2 from θ_0 to the θ_1 of AdamW. So no sequence λ'_1, λ'_2, …
    makes their trajectories equal either. Adam's first step is shorter than η_1 α: where the decay
    leads beyond that, a coordinate has no λ' at all. Each set, found from the rule, agrees with the
    closed form (`_first_solutions`).
    """
    sets = _adam(s, 1)
    agree = all(
        inside(x, found) if x is not None else not found
        for x, found in zip(_first_solutions(s), sets[0], strict=True)
    )
    return none("P2-adam-first", "Adam, first step: no λ' makes L2 the decay", sets,
                 shown(s, sets, 1), also=agree)  # fmt: skip


@certified
def adam(s: Setting) -> Finding:
    """Proposition 2 for Adam at each step of a trajectory.

    Proven: for each t of the first 20 steps and each real λ', Adam with L2 and that λ', led along
    AdamW's θ_0 … θ_{t-1} with moments of its own, does not come to AdamW's θ_t in all coordinates.
    """
    sets = _adam(s, ADAM_STEPS)
    detail = {"steps": len(sets), **shown(s, sets, len(sets))}
    statement = f"Adam, each of {len(sets)} steps: no λ' makes L2 the decay"
    return none("P2-adam", statement, sets, detail)


@certified
def adam_limit(s: Setting) -> Finding:
    """Where Adam's preconditioner tends to kI, Proposition 2 gives way to Proposition 1.

    With ε far above √v̂ and α/ε fixed, α/(√v̂ + ε) I tends to (α/ε) I. Without first moment
    (β1 = 0), AdamW then tends to SGDW and Adam with λ' = λ/(α/ε) to SGD with L2, which are the
    same. Certified for an ε 10^60 times as large as anything in the setting.
    """
    size = max(1.0, *map(abs, s.theta0), *(abs(g) for row in s.grads for g in row))
    eps = arb(10) ** 60 * size * (1 + _coefficient(s))
    limit: dict[str, Any] = {
        "beta1": 0.0,
        "eps": eps,
        "learning_rate": eps * s.hyper["learning_rate"],
    }
    lam = {"weight_decay": _coefficient(s)}
    paths = [
        run(s, dialect("sgdw"), momentum=0.0),
        run(s, dialect("sgd"), momentum=0.0, **lam),
        run(s, dialect("adamw"), **limit),
        run(s, dialect("adam"), **limit, **lam),
    ]
    bound = largest([farthest(paths[0], path) for path in paths[1:]])
    return Finding(
        id="P2-limit",
        statement="Adam as M tends to kI: SGD, SGDW, Adam and AdamW fall together",
        holds=bound < TINY,
        bound=bound,
        relation="<=",
        measure="relative distance",
    )


# -- Proposition 3 -------------------------------------------------------------------------------


@certified
def scaled(s: Setting) -> Finding:
    """Proposition 3: with M = diag(s)^-1, decay is the scale-adjusted L2 of Appendix A.

    The penalty (λ'/2) ‖θ ⊙ √s‖² = (λ'/2) Σ s_i θ_i² has the gradient λ' s_i θ_i. The step takes
    η α s_i^-1 of it: η α λ' θ_i, which is the decay η λ θ_i if and only if λ' = λ/α.
    """
    decayed, l2 = _scaled(s, _coefficient(s))
    return same("P3", "Fixed preconditioner: decay is the penalty λ'/2 ‖θ⊙√s‖², λ' = λ/α",
                 decayed, l2)  # fmt: skip


@certified
def erratum(s: Setting) -> Finding:
    """The main text's Eq. 2 prints the penalty (λ'/(2α)) ‖θ ⊙ √s‖², one 1/α too many.

    Its gradient is (λ'/α) s_i θ_i, its step η λ' θ_i = η (λ/α) θ_i: decay by λ/α, not by λ, and so
    another trajectory unless α = 1.
    """
    decayed, l2 = _scaled(s, _coefficient(s) / s.hyper["learning_rate"])
    bound = apart(decayed, l2)
    final = {"decay": float(decayed[-1][0]), "penalty_as_printed": float(l2[-1][0])}
    return Finding(
        id="P3-erratum",
        statement="The penalty as printed in Eq. 2, λ'/(2α) ‖θ⊙√s‖², is not the decay",
        holds=bound > 0,
        bound=bound,
        relation=">=",
        measure="relative distance",
        detail={"coordinate": s.coordinates[0], "last_theta": final},
    )


FINDINGS = (sgd, restarts, unscheduled, momentum, preconditioned, identity, adam_first, adam,
            adam_limit, scaled, erratum)  # fmt: skip


# -- what they share -----------------------------------------------------------------------------


def _coefficient(s: Setting) -> arb:
    """λ' = λ/α."""
    return arb(s.hyper["weight_decay"]) / arb(s.hyper["learning_rate"])


def _rates(s: Setting, scale: Sequence[float]) -> list[arb]:
    """α M_ii = α/s_i: a learning rate for each coordinate is a fixed diagonal preconditioner."""
    return [arb(s.hyper["learning_rate"]) / arb(x) for x in scale]


def _preconditioned(s: Setting, scale: Sequence[float]) -> tuple[Path, list[list[solutions.Set]]]:
    options: dict[str, Any] = {"momentum": 0.0, "learning_rate": _rates(s, scale)}
    decayed = run(s, dialect("sgdw"), **options)
    return decayed, solutions.of_affine_steps(s, dialect("sgd"), decayed, **options)


def _scaled(s: Setting, lam: arb) -> tuple[Path, Path]:
    """The decayed trajectory, and that of L2 whose gradient is `lam` s_i θ_i."""
    options: dict[str, Any] = {"momentum": 0.0, "learning_rate": _rates(s, s.scale)}
    coefficients = [lam * arb(x) for x in s.scale]
    decayed = run(s, dialect("sgdw"), **options)
    return decayed, run(s, dialect("sgd"), **options, weight_decay=coefficients)


def _adam(s: Setting, steps: int) -> list[list[solutions.Set]]:
    short = s.first(steps)
    return solutions.of_adam_steps(short, dialect("adam"), run(short, dialect("adamw")))


def _first_solutions(s: Setting) -> list[arb | None]:
    """Solve step 1 from the paper's lines: with m̂ = x, v̂ = x² for x = g + λ' θ it reads

    K x / (|x| + ε) = D,  D = K g / (|g| + ε) + η λ θ,  K = η α

    x = ε D / (K - |D|), and λ' = (x - g) / θ, if |D| < K; else none (None).
    """
    alpha, lam, eps = (arb(s.hyper[name]) for name in ("learning_rate", "weight_decay", "eps"))
    K, k = s.eta[0] * alpha, s.eta[0] * lam
    found: list[arb | None] = []
    for theta, g in zip(map(arb, s.theta0), map(arb, s.grads[0]), strict=True):
        D = K * g / (abs(g) + eps) + k * theta
        x = eps * D / (K - abs(D))
        found.append(None if abs(D) >= K else (x - g) / theta)
    return found
