"""Hyperparameters that many families share."""

from .contract import Hyperparameter

LEARNING_RATE = Hyperparameter("learning_rate", "α", r"\alpha", strong=0.3, usual=1e-3)
WEIGHT_DECAY = Hyperparameter("weight_decay", "λ", r"\lambda", strong=0.4, usual=1e-2)
CLIP = Hyperparameter("clip", "c", "c", strong=0.25, usual=0.75, sets={"clip": "sum"})
BETA1 = Hyperparameter("beta1", "β1", r"\beta_1", strong=0.8, usual=0.9, default=0.9, below=1.0)
BETA2 = Hyperparameter("beta2", "β2", r"\beta_2", strong=0.7, usual=0.999, default=0.999, below=1.0)
EPS = Hyperparameter("eps", "ε", r"\varepsilon", strong=0.2, usual=1e-8, default=1e-8)
MOMENTUM = Hyperparameter(
    "momentum", "β1", r"\beta_1", strong=0.8, usual=0.9, default=0.9, below=1.0
)
# d_0 and the factor of its estimates, of rules that estimate how far the solution is
DISTANCE = Hyperparameter(
    "distance", "d0", "d_0", strong=0.125, usual=1e-6, default=1e-6, bounds=()
)
COEFFICIENT = Hyperparameter("coefficient", "c", "c", strong=4.0, usual=1.0, default=1.0)
INITIAL = Hyperparameter("initial", "v0", "v_0", strong=0.3, usual=0.1, sets={"start": "value"})
