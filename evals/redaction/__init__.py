"""How good redaction is: precision, recall and F1 on labelled texts, beside stock Presidio's in the same run.

`gold` reads labelled texts, `kinds` and `neutral` say what counts, `measure` counts, `sets` holds the built-in texts, `cli` is the command.
"""
