"""How answers that several families give are said: ε's place, the bias correction."""

DENOMINATOR = {
    "outside": "√v̂ + ε",
    "hat": "√v̂ + ε/√(1-β2^t)",
    "inside": "√(v̂ + ε)",
    "both": "√(v̂ + ε) + ε",
    "clamp": "max(√v̂, ε)",
}
UNCORRECTED = {place: words.replace("v̂", "v") for place, words in DENOMINATOR.items()}
BIAS = {
    "both": "both moments",
    "none": "none",
    "first": "first moment only",
    "ahead": "both, t one ahead",
    "behind": "both, t one behind",
    "in_place": "both, stored back",
}
EPS_WORDS = {
    "outside": "ε is added to √v̂.",
    "hat": "ε is added to √v before the bias correction.",
    "inside": "ε is added inside the root.",
    "both": "ε is added inside the root and outside.",
    "clamp": "ε bounds √v̂ from below.",
}
