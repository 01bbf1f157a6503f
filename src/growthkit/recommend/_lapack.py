"""Where the routines of SciPy's BLAS and LAPACK are, for those who call them as compiled code does."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ..exceptions import GrowthkitError

__all__ = ["address"]


@cache
def address(name: str) -> int:
    """Return the address of a routine for double precision, such as "dgemm" or "dpotrf".

    Its arguments are those of Fortran: all are passed by reference, and matrices have their columns side by side.
    Whole numbers are of 32 bits.

    Raises
    ------
    GrowthkitError
        If SciPy was built with a BLAS whose whole numbers are not.
    """
    from numba import extending

    found: Any = extending.get_cython_function_address  # numba has no stubs
    library = "lapack" if name in ("dpotrf", "dtrtri", "dlauum", "dposv") else "blas"
    module: Any = import_module(f"scipy.linalg.cython_{library}")
    if " int *" not in repr(module.__pyx_capi__[name]):  # the routine's signature
        raise GrowthkitError(f"{name}: this SciPy's BLAS counts in 64 bits; install one that counts in 32 bits.")
    return found(module.__name__, name)
