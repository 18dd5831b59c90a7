"""One record of the corpus as text for a person to read."""

from collections.abc import Iterator

from mentallama.corpus import (
    MATERIAL,
    PARTS,
    CorpusPost,
    Material,
    PrivatePost,
    ResponseShape,
    RiskPrompt,
    TeacherAnswer,
    load_material,
    load_posts,
)
from mentallama.errors import InputError, nearest
from mentallama.tasks import get_label, get_task


def find_record(name: str) -> CorpusPost | Material:
    """Return the record of that id; raise InputError naming the nearest one."""
    records = {record.id: record for record in _all_records()}
    if name not in records:
        raise InputError(
            f"the corpus has no record '{name}'.{nearest(name, records) or ''} "
            "See 'mentallama corpus list'"
        )
    return records[name]


def render(record: CorpusPost | Material) -> str:
    """Render a record: what it is, its text, and what the corpus says about it."""
    return "\n".join([*_head(record), "", record.text.strip() or "(empty)", "", *_notes(record)])


def _all_records() -> Iterator[CorpusPost | Material]:
    for part in PARTS:
        yield from load_posts(part=part)
    for kind, _ in MATERIAL.values():
        yield from load_material(kind)


def _head(record: CorpusPost | Material) -> list[str]:
    parts: list[str]
    match record:
        case CorpusPost():
            parts = [record.task, record.platform, record.split, *record.tags]
            parts += [f"{record.variant} (of {record.group})"] if record.variant else []
        case PrivatePost():
            parts = ["private spans"]
        case TeacherAnswer():
            parts = ["teacher answer", f"to {record.post}", f"given {record.label}", record.fault]
        case ResponseShape():
            parts = ["response", record.task, record.shape]
        case RiskPrompt():
            parts = ["with risk" if record.risk else "without risk"]
    return [" · ".join([record.id, *parts])]


def _notes(record: CorpusPost | Material) -> Iterator[str]:
    match record:
        case CorpusPost():
            for answer in record.answers:
                asked = f"{answer.aspect}: " if answer.aspect else ""
                yield f"{asked}{get_label(get_task(record.task), answer.label).phrase}"
                yield f"  {answer.explanation}"
                yield from (f'  evidence: "{quote}"' for quote in answer.evidence)
        case PrivatePost():
            for span in record.spans:
                yield f"{span.start}-{span.end} {span.kind}: {record.text[span.start : span.end]}"
        case ResponseShape():
            yield f"right reading: {' and '.join((record.outcome, *record.labels))}"
            if record.note:
                yield record.note
