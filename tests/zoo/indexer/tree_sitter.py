"""In the place of tree-sitter, which only the indexer imports: misbehaves as the file `indexer` beside its root says,
in the way of `rude.py`; without that file it is what it seems.
"""

import importlib
import runpy
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_HOW = Path(sys.argv[1]).parent / "indexer"

if _HOW.exists():
    rude = _HERE.parent / "rude.py"
    sys.argv = [str(rude), _HOW.read_text(), str(_HOW.with_suffix(".record"))]
    runpy.run_path(str(rude), run_name="__main__")
    sys.exit()
sys.path.remove(str(_HERE))
del sys.modules["tree_sitter"]
sys.modules["tree_sitter"] = importlib.import_module("tree_sitter")
