"""Signals from names elsewhere: definitions of the same name, and analogous names."""

from __future__ import annotations

from itertools import islice

from semctxd.ranking.by_words import similarity
from semctxd.ranking.signals import Scores, Signals, best
from semctxd.ranking.text import subtokens

_SIBLINGS = 60
_SAME_VERB = 30


def siblings(signals: Signals) -> None:
    """Definitions of the same name elsewhere: what they use, with their own class's members mapped to the target's."""
    corpus, question = signals.corpus, signals.question
    symbols = corpus.store.symbols
    if not question.name:
        return
    ids = [id for id in corpus.store.by_name.get(question.name) if id != corpus.hidden and symbols[id].is_callable]
    if not ids or len(ids) > 400:
        return
    own = corpus.named(question.file, question.owner) if question.owner and question.file else None
    own_mro = list(corpus.mro(own)) if own is not None else []
    weights: Scores = {}
    for id in ids:
        cls = corpus.owner(id)
        weight = 0.3
        if own is not None and cls is not None:
            other = corpus.mro(cls)
            weight += 1.5 if cls in own_mro or own in other else 1.0 if set(own_mro[1:]) & set(other[1:]) else 0.0
        if question.file:
            same_folder = symbols[id].path.rpartition("/")[0] == question.file.rpartition("/")[0]
            weight += 0.4 if symbols[id].path == question.file else 0.2 if same_folder else 0.0
        weights[id] = weight
    chosen = {id: weights[id] for id in best(corpus, weights, _SIBLINGS)}
    signals.put_all("same name elsewhere", chosen)
    signals.put_all("siblings", signals.vote(chosen))
    signals.put_all("siblings by name", signals.vote_by_name(chosen))
    if own is None:
        return
    mapped: Scores = {}
    total = sum(chosen.values())
    for id, weight in chosen.items():
        cls = corpus.owner(id)
        others = set(corpus.mro(cls)) if cls is not None else set()
        for used in corpus.uses(id):
            if corpus.owner(used) in others and (mine := corpus.member(own, symbols[used].name)) is not None:
                mapped[mine] = mapped.get(mine, 0.0) + weight / total
    signals.put_all("siblings, mapped to this class", mapped)
    overridden = [members[question.name] for base in own_mro[1:] if question.name in (members := corpus.members(base))]
    signals.put("overridden", overridden[:1])
    signals.put("overridden", overridden[1:], 0.5)


def verbs(signals: Signals, likeness: Scores) -> None:
    """The first words of what is used by functions whose names begin as the target's: `load` goes with `open`."""
    corpus, symbols = signals.corpus, signals.corpus.store.symbols
    own = subtokens(signals.question.name)[:1]
    if not own:
        return
    same = {id: likeness[id] for id in corpus.store.postings.get(own[0])[0] if id in likeness}
    same = {id: score for id, score in same.items() if subtokens(symbols[id].name)[:1] == own}
    counts: dict[str, int] = {}
    for id in best(corpus, same, _SAME_VERB):
        for used in corpus.uses(id):
            for verb in subtokens(symbols[used].name)[:1]:
                counts[verb] = counts.get(verb, 0) + 1
    total = sum(counts.values()) + 5
    signals.verbs = {verb: count / total for verb, count in counts.items()}


def analogy(signals: Signals, likeness: Scores) -> None:
    """As `parse_xml` uses `XmlReader`, so `parse_json` may use `JsonReader`."""
    corpus, question = signals.corpus, signals.question
    symbols = corpus.store.symbols
    own = set(subtokens(question.name)) | set(subtokens(question.owner))
    models = {id: 0.5 * likeness[id] for id in best(corpus, likeness, 10)}
    models.update((id, 1.0) for id in islice(signals.of("same name elsewhere"), 40))
    if question.file:
        resemblance = similarity(signals, likeness)
        here = {id: min(1.0, resemblance(id)) for id in signals.of("same file") if symbols[id].is_callable}
        models.update((id, here[id]) for id in best(corpus, here, 12))
    for model, weight in models.items():
        theirs = set(subtokens(symbols[model].qualname))
        gone, new = theirs - own, sorted(own - theirs)
        if not gone or not new:
            continue
        for used in corpus.uses(model):
            tokens = set(subtokens(symbols[used].name))
            if not tokens & gone:
                continue
            kept = tokens - gone
            for token in new:
                ids = corpus.store.postings.get(token)[0]
                for id in ids if len(ids) < 300 else ():
                    name = set(subtokens(symbols[id].name))
                    if (
                        token in name
                        and symbols[id].kind == symbols[used].kind
                        and kept <= name
                        and id != corpus.hidden
                    ):
                        score = len(name & (kept | own)) / len(name)
                        if score > 0.6:
                            signals.put("analogy", (id,), weight * score)
