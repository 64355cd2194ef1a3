"""Sound: PCM, resampling, voice activity. NumPy in, NumPy out; no sockets, no sessions."""

import os

# The products here are small: threads of a BLAS would only fight with the event loop. Read when NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
