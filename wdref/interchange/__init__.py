"""wdref's rules inside other programs' trainings, so that the reference can take a place there.

`torch_optimizer` is a ``torch.optim.Optimizer``, `optax_transformation` an optax
``GradientTransformation``: thin, over the very rules of the optimizer that they are given. Arrays
need no interchange: `wdref.Optimizer.step` writes NumPy arrays, CuPy's and PyTorch's tensors where
they lie; those of JAX, which nobody may write, go through `update`.
"""

from .wrappers import optax_transformation, torch_optimizer

__all__ = ["optax_transformation", "torch_optimizer"]
