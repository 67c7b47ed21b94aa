"""A shadow of production: its rooms, joins and lines, done again against another Meet while they happen.

==============  ======================================================================
module          what it is
==============  ======================================================================
``production``  what production sends, heard by one connection that asks for nothing
``masks``       rooms, people and words that nobody can read back
``replay``      what is done again, in the order of each participant
``candidate``   the Meet under trial, by its JSON API and its streams of events
``report``      how late it was, what it refused, and what it told otherwise
==============  ======================================================================

The law: production is never asked for anything and never waits: a shadow that falls behind leaves out.
"""
