"""A partition that is too large for memory is gone through in several passes.

Partition bytes come from ids, which whoever writes a log can choose. So what belongs to a pass is
told by a hash with a key that is made anew each time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import blake2b


def always(item: bytes) -> bool:
    return True


class Split:
    def __init__(self, passes: int) -> None:
        self.passes = max(1, passes)
        self._key = secrets.token_bytes(16)

    def part(self, number: int) -> Callable[[bytes], bool]:
        """Whether an item belongs to this pass."""
        if self.passes == 1:
            return always

        def belongs(item: bytes) -> bool:
            digest = blake2b(item, digest_size=4, key=self._key).digest()
            return int.from_bytes(digest, "big") % self.passes == number

        return belongs
