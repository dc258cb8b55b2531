"""The long form of the parsers' tests: `python -m tests.fuzz --minutes N`, or `make fuzz`.

Every parser of ledger and verifier gets every vector and generated file, changed at random.
Anything but an answer or a refusal in words is a bug, and so is an answer that the other reader
refuses. What was found once is in `found.json`, and read again with every `make test`.
"""
