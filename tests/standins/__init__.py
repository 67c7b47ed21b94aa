"""Stand-ins for the networks that posts come from: faithful, and able to misbehave.

They use no test framework, so that a demonstration can start them too.
"""
