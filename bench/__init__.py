"""The benchmarks of Antiphon: ``python -m bench`` runs them all, ``python -m bench NAME ...`` some.

Absolute numbers depend on the machine; ratios are measured side by side in one run. What each number means, and what
this project got, is in ``docs/performance.md``.
"""

import os

# Before NumPy is imported: the products of the voice activity model are too small to gain from threads.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
