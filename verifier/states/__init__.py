"""Signed states of a log against each other: does one continue another, and who shows which.

`consistency` decides, with roots that `tiletree` reads; `compare` holds two views together, `watch`
one log over time; `keeping` writes down what convicts.
"""
