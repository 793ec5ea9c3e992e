"""`python -m bench words DIR…`: what words mean, by a static embedding of them.

The vocabulary is that of the tasks' repositories, the words of names and documentation, and the words that are whole
tokens of wordllama's table of vectors (as its package ships it: nothing is downloaded): those are common in English.
Each stem stands where the words that share it stand on average there; related are the stems nearest by cosine. For
vectors, the mean of all is taken away, and the directions in which they differ most are kept (Mu and Viswanath, 2018).
The daemon reads the result, `ranking/words.txt`, and needs neither the table nor the package.
"""

from __future__ import annotations

import argparse
import json
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from bench.repository import sources
from semctxd.ranking.lexicon import DIMENSIONS
from semctxd.ranking.text import STOP_WORDS, SUBTOKEN, stem

_WEIGHTS, _TOKENIZER = "weights/l2_supercat_256.safetensors", "tokenizers/l2_supercat_tokenizer_config.json"
_TARGET = Path(__file__).parent.parent / "daemon" / "semctxd" / "ranking" / "words.txt"
_LEAST_REPOSITORIES = 3  # a stem of fewer is somebody's own word
_MOST = 8
_NEAR = 0.42  # cosine
_WORD = "\u2581"  # begins a token that a word begins with


def main(arguments: list[str]) -> int:
    """Write the table of stems."""
    parser = argparse.ArgumentParser(prog="python -m bench words", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "tasks", metavar="DIR", nargs="+", help="folders of tasks: their repositories give the vocabulary"
    )
    parser.add_argument("--to", metavar="FILE", type=Path, default=_TARGET, help="default: the daemon's")
    chosen = parser.parse_args(arguments)
    table = lines(vocabulary(chosen.tasks))
    chosen.to.write_text("".join(f"{line}\n" for line in table), encoding="utf-8")
    print(f"{len(table)} stems, {chosen.to.stat().st_size / 1e3:.0f} kB: {chosen.to}")
    return 0


def vocabulary(folders: Sequence[str]) -> dict[str, Counter[str]]:
    """Stem -> the words that have it and how often, of stems that several repositories use."""
    words: dict[str, Counter[str]] = defaultdict(Counter)
    spread: Counter[str] = Counter()
    for repository in sorted(one for folder in folders for one in Path(folder, "repositories").iterdir()):
        seen: Counter[str] = Counter()
        for path in sources(str(repository)):
            text = repository.joinpath(path).read_text("utf-8", errors="replace")
            seen.update(part.lower() for part in SUBTOKEN.findall(text))
        stems = set()
        for word, count in seen.items():
            if _is_word(word) and count > 1:
                words[stem(word)][word] += count
                stems.add(stem(word))
        spread.update(stems)
    for word in common():
        words[stem(word)][word] += 1
        spread[stem(word)] += _LEAST_REPOSITORIES
    return {one: words[one] for one in sorted(words) if spread[one] >= _LEAST_REPOSITORIES}


def common() -> list[str]:
    """The words that are tokens by themselves."""
    found = (token.removeprefix(_WORD) for token in _tokenizer().get_vocab() if token.startswith(_WORD))
    return sorted(word for word in found if _is_word(word) and word.islower())


def _is_word(word: str) -> bool:
    return word.isalpha() and word.isascii() and 2 < len(word) < 20 and word not in STOP_WORDS


def lines(words: dict[str, Counter[str]]) -> list[str]:
    """A line for each stem: `stem vector other:0.71 other:0.55`, nearest first."""
    stems = list(words)
    vectors = embed(words)
    shown = [b64encode(row.tobytes()).decode() for row in reduced(vectors)]
    found: list[str] = []
    for start in range(0, len(stems), 1000):
        cosines = vectors[start : start + 1000] @ vectors.T
        for row, name in zip(cosines, stems[start : start + 1000], strict=True):
            near = [(float(row[at]), stems[at]) for at in np.argsort(-row)[: _MOST + 1] if stems[at] != name]
            kept = (f"{other}:{cosine:.2f}" for cosine, other in near if cosine >= _NEAR)
            found.append(" ".join((name, shown[len(found)], *kept)))
    return found


def reduced(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Each vector in the directions of most variance, as the daemon has it: of length 127, each component + 128."""
    centred = vectors - vectors.mean(0)
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    kept = centred @ directions[:DIMENSIONS].T
    whole: npt.NDArray[np.uint8] = (np.rint(127 * kept / np.linalg.norm(kept, axis=1, keepdims=True)) + 128).astype(
        np.uint8
    )
    return whole


def embed(words: dict[str, Counter[str]]) -> npt.NDArray[np.float32]:
    """A unit vector for each stem, the mean of its words weighted by how often they occur."""
    raw = files("wordllama").joinpath(_WEIGHTS).read_bytes()
    size = int.from_bytes(raw[:8], "little")
    (shape,) = (entry["shape"] for name, entry in json.loads(raw[8 : 8 + size]).items() if name != "__metadata__")
    table = np.frombuffer(raw[8 + size :], dtype=np.float16).reshape(shape).astype(np.float32)
    tokenizer = _tokenizer()
    vectors = np.zeros((len(words), shape[1]), dtype=np.float32)
    for at, counts in enumerate(words.values()):
        for word, count in counts.items():
            ids = tokenizer.encode(word, add_special_tokens=False).ids
            vectors[at] += count * table[ids].mean(0)
    unit: npt.NDArray[np.float32] = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9)
    return unit


@lru_cache(maxsize=1)
def _tokenizer() -> Tokenizer:
    found = Tokenizer.from_str(files("wordllama").joinpath(_TOKENIZER).read_text("utf-8"))
    found.no_padding()
    return found
