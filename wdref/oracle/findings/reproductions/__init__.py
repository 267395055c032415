"""Deviations of frameworks from their documentation or their paper, one runnable file each.

Each file stands alone: what it says is in literal constants, read without running it, and
``reproduce()`` returns what was measured and whether the deviation is present. It imports its
framework inside and nothing of wdref, so that its lines can be pasted into a report.

| constant | meaning |
|---|---|
| FRAMEWORK | its root module |
| BACKEND | of Keras only |
| OPTIMIZER | what is concerned |
| KIND | wrong step, lost update, precision, crash or documentation |
| FORMULA | what should be computed, and what is |
| EXPECTED | the value, and who says so |
| WHY | it matters |
| ISSUE | a public thread, or "none found" |
| SEEN | the version on which it was measured |
"""
