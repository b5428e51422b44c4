"""What a steward works on a policy with, none of which runs a question: its own examples, why a verdict is as it is, what a change changes."""
