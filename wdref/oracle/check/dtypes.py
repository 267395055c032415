"""What a word on the command line says of the dtypes of parameters and gradients."""

DTYPES = {
    "full": ("float64", "float32"),
    "half": ("float16", "bfloat16"),
    "all": ("float64", "float32", "float16", "bfloat16"),
}
DTYPES |= {name: (name,) for name in DTYPES["all"]}
