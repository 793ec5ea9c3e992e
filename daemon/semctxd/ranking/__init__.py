"""What of a repository matters for an intent: signals, score and cut-off.

Plain functions over records. Nothing here reads a file, a clock or the environment, and nothing awaits:
equal records and an equal question give equal answers.
"""
