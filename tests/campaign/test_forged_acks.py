"""A few men in the middle; and one who holds the key, to see that the campaign would notice what he does."""

from random import Random

import pytest

from campaign import forged_acks
from campaign.forged_acks import Witness
from unosim.lab import KEY
from unosim.signed import Post, answer_tag

pytestmark = pytest.mark.system
FORGERS = 8


def test_nothing_is_given_up_on_a_forged_answer() -> None:
    assert [wrong for wrong in forged_acks.tries(range(FORGERS)) if wrong] == []


@pytest.mark.parametrize("status", [204, 422])
def test_it_bites(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    def right(post: Post, _chance: Random, _witness: Witness) -> str:
        return answer_tag(KEY, status, post.tag)

    def form(_status: int, tag: str, chance: Random) -> bytes:
        return forged_acks._usual(status, tag, chance)

    monkeypatch.setattr(forged_acks, "WRONG_TAGS", (right,))
    monkeypatch.setattr(forged_acks, "FORMS", (form,))
    assert [one for one in forged_acks.tries(range(FORGERS)) if "given up" in one]
