"""One target as several processes: what an adapter's option ``sharded`` runs.

Not adapters. An adapter loads this folder from beside its own file, since the interpreter that it
runs in may have no wdref.
"""
