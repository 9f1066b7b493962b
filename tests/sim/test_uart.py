import pytest

from unosim.uart import Line, sample


def test_frames_leave_back_to_back_in_ten_bit_times_each() -> None:
    line = Line(9_600)
    line.write(b"AB", 1_000)
    first, second = line.take(2)
    assert (first.data, first.start_ns, first.end_ns) == (0x41, 1_000, 1_000 + 1_041_666)
    assert second.start_ns == first.end_ns


def test_what_is_written_while_the_line_is_busy_waits_its_turn() -> None:
    line = Line(115_200)
    line.write(b"x" * 1_000, 0)
    assert line.write(b"y", 5) == 86_805_556  # 1,000 frames at 115200 baud, rounded up
    assert len(line) == 1_001


def test_an_idle_line_sends_at_once() -> None:
    line = Line(115_200)
    line.write(b"x", 0)
    assert line.write(b"y", 1_000_000) == 1_000_000


def test_a_change_of_baud_rate_leaves_queued_bytes_alone() -> None:
    line = Line(115_200)
    line.write(b"O", 0)
    line.set_baud(9_600)
    line.write(b"K", 0)
    old, new = line.take(2)
    assert (old.baud, new.baud) == (115_200, 9_600)
    assert new.start_ns == old.end_ns + 1  # rounded up: never earlier than the frame before it is over


def test_taking_more_than_there_is_takes_what_there_is() -> None:
    line = Line(9_600)
    line.write(b"abc", 0)
    assert [frame.data for frame in line.take(2)] == [*b"ab"]
    assert line.next_take_ns() == 1_041_666 + 1
    assert [frame.data for frame in line.take(9)] == [*b"c"]
    assert line.next_take_ns() is None


@pytest.mark.parametrize("byte", [0x00, 0x55, 0xAA, 0xFF, ord("\n")])
@pytest.mark.parametrize("skew_percent", [-4, -2, 0, 2, 4])
def test_a_receiver_tolerates_a_few_percent(byte: int, skew_percent: int) -> None:
    assert sample(byte, 10_000, 10_000 + 100 * skew_percent) == (byte, False)


def test_boot_text_at_74880_is_garbage_at_115200() -> None:
    heard = [sample(byte, 115_200, 74_880) for byte in b"ets Jan  8 2013"]
    assert bytes(byte for byte, _ in heard) != b"ets Jan  8 2013"
    assert any(framing_error for _, framing_error in heard)


def test_a_slow_sender_breaks_the_stop_bit_of_a_fast_receiver() -> None:
    assert sample(0x00, 1_042, 87) == (0x00, True)


def test_a_fast_sender_is_over_before_a_slow_receiver_looks() -> None:
    assert sample(0x00, 87, 1_042) == (0xFF, False)
