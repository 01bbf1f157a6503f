"""Where the routines of SciPy's BLAS and LAPACK are, for those who call them as compiled code does."""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["address"]


@cache
def address(name: str) -> int:
    """Return the address of a routine for double precision, such as "dgemm" or "dpotrf".

    Its arguments are those of Fortran: all are passed by reference, and matrices have their columns side by side.
    """
    from numba import extending

    found: Any = extending.get_cython_function_address  # numba has no stubs
    library = "lapack" if name in ("dpotrf", "dtrtri", "dlauum", "dposv") else "blas"
    return found(f"scipy.linalg.cython_{library}", name)
