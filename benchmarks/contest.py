"""What a benchmark case is: one input, our function, its peers, and the check that they answer alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

__all__ = ["LARGER_DATA", "OURS", "Case", "Contender", "Disagreement"]

OURS = "growthkit"
"""The name under which our own function runs."""

LARGER_DATA = Path(os.environ.get("GROWTHKIT_LARGER_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
"""Where public data lie that the project may not ship."""

Call = Callable[[], Any]


class Disagreement(Exception):  # noqa: N818 - the field's word; nothing is wrong with the program
    """Our answer and a peer's differ: there is nothing to time."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do the job.

    Parameters
    ----------
    prepare
        Takes the case's data, imports the library, puts the data into the form that it likes best, and returns the
        call to time. What a user has at hand anyway (a dataframe) is prepared here; all else belongs to the call.
    library
        The module it needs; a peer whose library is not installed is left out, and named as missing.
    """

    prepare: Callable[[Any], Call]
    library: str = OURS

    @property
    def installed(self) -> bool:
        """Whether its library can be imported."""
        return find_spec(self.library) is not None


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table in `cases`.

    Parameters
    ----------
    name, area
        A unique name, and the part of the library that it belongs to.
    data
        Makes the input; the same one at each call.
    tiny
        Makes a small input of the same form, for tests and for warming up.
    ours
        Our function.
    agree
        Takes our answer and a peer's and raises `Disagreement` unless they are equal.
    peers
        The others, by name.
    needs
        Modules that the data needs.
    files
        Files that the data needs, below the folder of larger data.
    medium
        Whether pytest-benchmark follows our own speed on it.
    """

    name: str
    area: str
    data: Callable[[], Any]
    tiny: Callable[[], Any]
    ours: Contender
    agree: Callable[[Any, Any], None]
    peers: Mapping[str, Contender] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    medium: bool = False

    @property
    def missing(self) -> tuple[str, ...]:
        """The modules without which the case cannot run at all."""
        return tuple(module for module in self.needs if find_spec(module) is None)

    @property
    def missing_files(self) -> tuple[str, ...]:
        """The files without which it can run on its tiny data only."""
        return tuple(file for file in self.files if not (LARGER_DATA / file).is_file())

    def contender(self, name: str) -> Contender:
        """Return ours or a peer by name."""
        return self.ours if name == OURS else self.peers[name]

    def present(self) -> Iterator[tuple[str, Contender]]:
        """Yield ours, then each peer whose library is installed."""
        yield OURS, self.ours
        yield from ((name, peer) for name, peer in self.peers.items() if peer.installed)

    def absent(self) -> tuple[str, ...]:
        """Return the peers whose library is not installed."""
        return tuple(name for name, peer in self.peers.items() if not peer.installed)
