"""A few men in the middle; and one who holds the key, to see that the campaign would notice what he does."""

import pytest

from campaign.uno import forged_acks
from campaign.uno.forged_acks import ForgingServer
from unosim.lab import KEY
from unosim.signed import Post, answer_tag

pytestmark = pytest.mark.system
FORGERS = 8


def test_nothing_is_given_up_on_a_forged_answer() -> None:
    assert [wrong for wrong in forged_acks.tries(range(FORGERS)) if wrong] == []


@pytest.mark.parametrize("status", [204, 422])
def test_it_bites(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    def with_the_key(server: ForgingServer, post: Post) -> bytes:
        return forged_acks._usual(status, answer_tag(KEY, status, post.tag), server.chance)

    monkeypatch.setattr(ForgingServer, "_withhold", with_the_key)
    assert [one for one in forged_acks.tries(range(FORGERS)) if "given up" in one]
