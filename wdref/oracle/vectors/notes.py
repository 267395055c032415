"""What the flags of vectors mean: one for each case by name, and one for each known bug."""

from collections.abc import Mapping
from typing import NamedTuple


class Note(NamedTuple):
    """A flag: what its cases do, and the class of mistakes that fails in them."""

    description: str
    bugs: str


BOUND = "A 0 taken for a default."  # of a hyperparameter that one family has
NOTES: Mapping[str, Note] = {
    "exaggerated": Note(
        "Strong hyperparameters, a schedule and shrinking gradients: every term has its weight.",
        "Any other formula: coupled decay, decay without the learning rate or the schedule, "
        "decay after the step, eps in another place, a missing or miscounted bias correction.",
    ),
    "ordinary": Note(
        "A thousand steps with the usual hyperparameters.",
        "What drifts: scalars kept in float32, running products of beta, a counter that stops.",
    ),
    "wide": Note(
        "Gradients over 12 decades.",
        "A bound on gradients or steps, a square that overflows or vanishes in a narrower type.",
    ),
    "sparse": Note(
        "Gradients are zero at first, always in one coordinate, sometimes in the others.",
        "Decay skipped where the gradient is zero, 0/0 before the first gradient.",
    ),
    "alternating": Note(
        "Signs alternate, so that the first moment nearly cancels.",
        "Moments of absolute values, a first moment that is lost in rounding.",
    ),
    "shrinking": Note(
        "Gradients shrink: a maximum over the past is not the present.",
        "AMSGrad switched on unasked, or its maximum not stored.",
    ),
    "bursts": Note(
        "Gradients come in bursts, so that a maximum over the past switches.",
        "AMSGrad's maximum of the other second moment, or not stored.",
    ),
    "eps-rules": Note(
        "Gradients lie far below eps, which then sets the size of the step.",
        "eps added before the bias correction, inside the root, twice, or dropped.",
    ),
    "subnormal": Note(
        "Gradients are subnormal numbers of the dtype.",
        "Subnormal numbers flushed to zero, products that underflow for want of an order.",
    ),
    "no-decay": Note(
        "The decay is 0.",
        "A default taken for a 0, a step that is skipped where nothing decays.",
    ),
    "overshoot": Note(
        "The decay is beyond 1/learning rate, so that the parameter changes sign.",
        "A decay that is bounded by 1.",
    ),
    "stop": Note(
        "The schedule falls to 0 and stays there.",
        "Decay that ignores the schedule, the multiplier of another step.",
    ),
    "restart": Note(
        "The schedule restarts.",
        "Moments or counter reset with the schedule.",
    ),
    "large": Note(
        "Large parameters and small relative steps.",
        "Steps relative to the parameter's size, a bound on parameters.",
    ),
    "first": Note(
        "One step alone.",
        "The first step: bias correction with t = 0 or 2, a first buffer damped or not.",
    ),
    "no-momentum": Note(
        "Momentum is 0.",
        "Another path without momentum, which forgets the decay or the L2 term.",
    ),
    "undamped": Note(
        "Dampening is 0.",
        "A 0 taken for a default.",
    ),
    "all-damped": Note(
        "Dampening is 1: the buffer takes nothing after the first step.",
        "Dampening of the first step too, or none.",
    ),
    "beta1-0": Note(
        "beta1 is 0: the first moment is the gradient.",
        "A 0 taken for a default, a path without first moment.",
    ),
    "beta2-0": Note(
        "beta2 is 0: the second moment is the gradient's square.",
        "A 0 taken for a default, a path without second moment.",
    ),
    "eps-0": Note(
        "eps is 0.",
        "A 0 replaced by a default.",
    ),
    "rate-0": Note(
        "The learning rate is 0: what decays does not follow it.",
        "A step that returns early, with its decay, moments and count, where the rate is 0.",
    ),
    "rate-2": Note(
        "The learning rate is 2.",
        "A rate, or a product with it, bounded by 1.",
    ),
    "pauses": Note(
        "The schedule begins at 0, pauses, and goes beyond 1.",
        "Steps that are skipped or not counted where the multiplier is 0; multipliers bounded "
        "by 1.",
    ),
    "graded": Note(
        "Parameters from 1 down to 2^-40, and 0, with gradients of their size.",
        "Decay or steps skipped where the parameter is small or 0; absolute thresholds.",
    ),
    "origin": Note(
        "Every parameter begins at 0.",
        "A parameter of 0 taken for one that is not trained; norms that are divided by.",
    ),
    "awakening": Note(
        "No gradient, then small ones, then bursts: steps longer than the learning rate.",
        "An update divided by its norm or bounded, a gradient clipped.",
    ),
    "counter": Note(
        "Thousands of steps, the last of which count.",
        "A counter kept in half precision, which stops at 256 or 2,048; a decay that ends.",
    ),
    "no-numbers": Note(
        "Some gradients are infinite or no number.",
        "Gradients that are replaced by 0, a step that is skipped as a whole, damage to other "
        "coordinates.",
    ),
    "scalar": Note(
        "The parameter is a scalar.",
        "A path for tensors without dimensions.",
    ),
    "one": Note(
        "One element.",
        "An element taken for a scalar.",
    ),
    "column": Note(
        "A matrix of one column.",
        "Decay or gradients treated apart for matrices, or squeezed.",
    ),
    "row": Note(
        "A matrix of one row.",
        "Decay or gradients treated apart for matrices, or squeezed.",
    ),
    "tall": Note(
        "A matrix of more rows than columns.",
        "Gradients centralised, projected or orthogonalised where there are two dimensions.",
    ),
    "broad": Note(
        "A matrix of more columns than rows.",
        "Gradients centralised, projected or orthogonalised where there are two dimensions.",
    ),
    "square": Note(
        "A square matrix.",
        "A matrix taken for its transpose.",
    ),
    "cube": Note(
        "Three dimensions.",
        "A path for one or two dimensions alone.",
    ),
    "filters": Note(
        "Four dimensions.",
        "A path for convolutions: gradients centralised, filters normalised.",
    ),
    "tail": Note(
        "1 to 70 elements.",
        "A vectorised loop that leaves out or repeats what is behind its last whole vector.",
    ),
    "block": Note(
        "127 to 65,537 elements.",
        "Blocks of a loop or of threads whose ends are wrong; large tensors that are quantised.",
    ),
    "empty": Note(
        "No element at all.",
        "A program that stumbles over an empty tensor, or ends there.",
    ),
    "tensors-many": Note(
        "Forty tensors.",
        "Tensors after the first; a counter that counts each tensor; lists that are cut.",
    ),
    "tensors-empty-last": Note(
        "Several tensors, some of them empty.",
        "The empty tensor ends the step for those behind it, or shifts them.",
    ),
    "groups": Note(
        "Each tensor has a learning rate and a decay of its own.",
        "The first group's, or the last one's, used for all; a return at the first decay of 0.",
    ),
    "groups-own": Note(
        "Each tensor has every hyperparameter of its own.",
        "betas, eps or momentum of the first group used for all.",
    ),
    "late": Note(
        "The first gradient of a tensor comes late.",
        "A step counter that all tensors share; decay before the first gradient.",
    ),
    "gaps": Note(
        "A tensor has no gradient at some steps, when it stands still.",
        "Decay, old moments or a count at a step without a gradient.",
    ),
    # what a case holds beside its name
    "separates": Note(
        "Strong hyperparameters, a schedule and shrinking gradients: every term has its weight.",
        "Any other formula.",
    ),
    "long": Note(
        "A thousand steps or more.",
        "What drifts or stops: scalars kept in float32, running products of beta, a counter.",
    ),
    "zero": Note(
        "Gradients are zero at first, always in one coordinate, sometimes in the others.",
        "Decay skipped where the gradient is zero, 0/0 before the first gradient.",
    ),
    "maximum": Note(
        "Gradients shrink or come in bursts, so that a maximum over the past differs from now.",
        "AMSGrad switched on unasked, its maximum not stored, or taken of the other second moment.",
    ),
    "eps": Note(
        "Gradients lie far below eps, which then sets the size of the step.",
        "eps added before the bias correction, inside the root, twice, or dropped.",
    ),
    "schedule": Note(
        "The multiplier changes: it begins at 0, falls to 0, pauses, or restarts.",
        "Decay that ignores the schedule, the multiplier of another step, moments reset.",
    ),
    "bound": Note(
        "A hyperparameter is at its bound, which programs may refuse.",
        "Another path where a hyperparameter is 0 or 1.",
    ),
    "small": Note(
        "Parameters are tiny or 0.",
        "Decay or steps skipped where the parameter is small.",
    ),
    "burst": Note(
        "Steps longer than the learning rate.",
        "Updates or gradients that are bounded.",
    ),
    "nonfinite": Note(
        "Gradients that are infinite or no number, which programs may refuse.",
        "Gradients replaced by 0, damage to other coordinates.",
    ),
    "shape": Note(
        "A size that loops treat apart.",
        "Loops: their tails, blocks and threads.",
    ),
    "shaped": Note(
        "A tensor of another number of dimensions than one, which programs may refuse.",
        "A path for vectors, matrices or filters alone.",
    ),
    "tensors": Note(
        "Several tensors: `tensors` and `shapes` say where each begins.",
        "What goes wrong between one tensor and the next.",
    ),
    "none": Note(
        "Steps without a gradient: `gaps`.",
        "Decay, old moments or a count at such a step.",
    ),
}
