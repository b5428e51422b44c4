"""What may be wrong with a question although it is allowed: rules of the OMOP common data model, told beside the answer.

Each rule is a function over a `View` of the judged tree that returns a sentence or nothing; none refuses, reads data or knows who asks.
The first eleven answer what FastSSV (fastomop.github.io/fastssv) checks; the words and the code are this project's.
"""

from policies.advice.rules import ADVICE, advise

__all__ = ["ADVICE", "advise"]
