"""What came before a call: the answers its principal had, and what of its budget is used. Both are kept across restarts."""

from server.earlier.budget import Budgets
from server.earlier.overlap import Answers

__all__ = ["Answers", "Budgets"]
