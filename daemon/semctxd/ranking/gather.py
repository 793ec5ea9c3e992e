"""All signals of a question."""

from __future__ import annotations

from semctxd.ranking import by_draft, by_name, by_place, by_types, by_words
from semctxd.ranking.corpus import Corpus
from semctxd.ranking.question import Question
from semctxd.ranking.signals import Signals


def gather(corpus: Corpus, question: Question) -> Signals:
    """Everything that speaks for a symbol; nothing that the hidden function says is in it."""
    signals = Signals(corpus, question)
    by_words.text(signals)
    likeness = by_words.neighbours(signals)
    by_words.related(signals, likeness)
    by_words.named(signals)
    by_types.types(signals)
    by_types.said_of_parameters(signals)
    by_name.siblings(signals)
    if question.file in corpus.store.files:
        by_place.file(signals, likeness)
        by_place.klass(signals, likeness)
    by_words.home(signals, likeness)
    by_name.analogy(signals, likeness)
    by_name.verbs(signals, likeness)
    if question.draft:
        by_draft.drafted(signals)
    return signals
