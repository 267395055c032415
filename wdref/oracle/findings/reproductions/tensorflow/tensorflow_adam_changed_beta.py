"""AdamOptimizer's bias correction reads a changed beta1 one step late, in a product of all."""

FRAMEWORK = "tensorflow"
OPTIMIZER = "tf.compat.v1.train.AdamOptimizer with a callable beta1 or beta2"
KIND = "wrong step"
FORMULA = "1 - β1 · β1 · … with the betas of steps 1, 1, 2, …, t - 1 in place of 1 - β1^t"
EXPECTED = (
    "lr_t := learning_rate * sqrt(1 - beta2^t) / (1 - beta1^t), with the betas that the callables "
    "return at step t (docstring of AdamOptimizer)."
)
WHY = (
    "A callable beta is documented as the way to change it. With the betas of steps 1 to t the "
    "product would make the moment unbiased; as it is, the correction is neither that nor the text."
)
ISSUE = "none found"
SEEN = "2.21.0"


def reproduce() -> tuple[dict[str, object], bool]:
    import tensorflow as tf

    theta, beta = tf.Variable([0.0]), tf.Variable(0.5)
    opt = tf.compat.v1.train.AdamOptimizer(0.0, beta1=beta.read_value, beta2=0.5)
    opt.apply_gradients([(tf.constant([1.0]), theta)])
    beta.assign(0.25)
    opt.apply_gradients([(tf.constant([1.0]), theta)])
    power = float(opt._get_beta_accumulators()[0]) / 0.25  # of the second step
    return {"power": power, "power_by_hand": 0.0625}, power != 0.0625
