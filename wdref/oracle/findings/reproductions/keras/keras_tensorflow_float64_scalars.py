"""On TensorFlow a float64 Adam is wrong by 6.7e-6: its betas pass through float32."""

FRAMEWORK = "keras"
BACKEND = "tensorflow"
OPTIMIZER = "Adam, SGD with momentum or decay, and others"
KIND = "precision"
FORMULA = "ops.cast(0.999, 'float64') is float64(float32(0.999)): 1 - β2 is off by 1.3e-5"
EXPECTED = "An error near 1e-16, as Keras on PyTorch gives with the same lines."
WHY = "Float64 is asked for where the eighth digit matters; here the sixth is wrong."
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    import keras
    from keras import ops

    keras.config.set_floatx("float64")
    theta = keras.Variable([0.0], dtype="float64")
    opt = keras.optimizers.Adam(learning_rate=1.0, epsilon=0.0)
    opt.apply([ops.ones((1,), dtype="float64")], [theta])
    error = abs(float(theta[0]) + 1.0)
    keras.config.set_floatx("float32")
    return {"relative_error": error, "float64_unit": 2.0**-53}, error > 1e-9
