"""Loads the modules of a command when it is called.

`python -m service.loading MODULE ARGUMENT...` loads one and calls its `main`.
"""

import gc
import sys
from importlib import import_module
from types import ModuleType


def loaded(name: str) -> ModuleType:
    """The module, imported with the garbage collector off: it would take a fifth of the start, and modules stay."""
    gc.disable()
    try:
        return import_module(name)
    finally:
        gc.freeze()
        gc.enable()


if __name__ == "__main__":
    loaded(sys.argv.pop(1)).main()
