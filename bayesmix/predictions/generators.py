"""Random numbers for one purpose, the same whatever else is drawn."""

from __future__ import annotations

import hashlib
import json

import numpy as np

__all__ = ["generator_of"]


def generator_of(seed: int, *names: str) -> np.random.Generator:
    """Make a generator for one purpose: the same whatever else is drawn."""
    digest = hashlib.blake2b(json.dumps(names).encode(), digest_size=16).digest()
    key = np.frombuffer(digest, dtype="<u4").tolist()
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))
