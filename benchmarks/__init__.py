"""Benchmarks of pyfory against its peers; run with ``python -m benchmarks``.

The package has two halves. The side that controls (``__main__``, ``envs``, ``runner``, ``report``, ``plots``) runs in the
interpreter of the caller. The side that measures (``worker``, ``impls``, ``workloads``, ``data``, ``models``, ``canon``) runs in
one process per contender, each in the environment that holds that contender.
"""

# True in a worker process, where the contender's library may be imported.
MEASURING = False
