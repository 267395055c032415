"""Lamb has no name: get refuses it, and deserialize gives the text 'Lamb'."""

FRAMEWORK = "keras"
BACKEND = "jax"
OPTIMIZER = "Lamb by name, and from its own serialized configuration"
KIND = "crash"
FORMULA = "deserialize(serialize(opt)) is an optimizer, and get(name) one for every class's name"
EXPECTED = "'Lamb' twice, as 'Adam' gives for Adam (docstrings of keras.optimizers)."
WHY = (
    "compile(optimizer='lamb') raises, and what reads an optimizer back by deserialize gets a "
    "string, without an error: it fails later, and elsewhere."
)
ISSUE = "none found"
SEEN = "3.15.1"


def reproduce() -> tuple[dict[str, object], bool]:
    from keras import optimizers

    back = optimizers.deserialize(optimizers.serialize(optimizers.Lamb(0.5)))
    try:
        named = type(optimizers.get("lamb")).__name__
    except ValueError as error:
        named = str(error)
    return {"back": type(back).__name__, "get": named}, isinstance(back, str)
