"""Types that several threads meet at the same moment."""

import subprocess
import sys

import msgspec
import pytest

from connectors.decoding import convert, decode, decoder_of

# In a process of its own, which would crash, and with types that no other thread has met.
MEET = """
import sys, threading, msgspec
from connectors.decoding import decode

sys.setswitchinterval(1e-6)
for _ in range(40):
    inner = [msgspec.defstruct(f"I{k}", [(f"f{j}", int | None, None) for j in range(20)]) for k in range(10)]
    kind = msgspec.defstruct("Outer", [(f"a{k}", list[each] | None, None) for k, each in enumerate(inner)])
    start = threading.Barrier(8)
    found = []

    def meet(kind=kind, start=start, found=found):
        start.wait()
        found.append(decode(b'{"a0":[{"f1":1}],"a9":[{"f3":2}]}', kind))

    threads = [threading.Thread(target=meet) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.a9[0].f3 for each in found] == [2] * 8
"""


class Thing(msgspec.Struct):
    """Something."""

    size: int


def test_threads_that_meet_a_type_at_the_same_moment_decode_it() -> None:
    done = subprocess.run([sys.executable, "-c", MEET], check=False, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_document_is_a_value_of_its_type() -> None:
    assert decode(b'{"size": 3}', Thing) == Thing(3)
    assert convert({"size": 3}, Thing) == Thing(3)
    assert decoder_of(Thing, strict=False).decode('{"size": "3"}') == Thing(3)


@pytest.mark.parametrize("document", [b"{", b'{"size": "3"}', b"[]"])
def test_what_is_none_is_refused(document: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(document, Thing)
