"""Row ids: made without asking anybody."""

from storage.engine.ids import new_id


def test_ids_only_grow_and_never_repeat():
    ids = [new_id() for _ in range(10_000)]

    assert len(set(ids)) == len(ids)
    assert max(ids) < 2**63
