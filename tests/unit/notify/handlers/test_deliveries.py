"""How many messages a thread of the sender leases at once."""

from services.notify.handlers.deliveries import BatchSize


def test_a_batch_is_as_large_as_a_thread_can_send_in_a_quarter_of_a_second() -> None:
    batch = BatchSize(20)
    sizes = []
    for _ in range(6):
        batch.adapt(batch.size, 0.002 * batch.size)
        sizes.append(batch.size)
    assert sizes == [2, 4, 8, 16, 20, 20]
    batch.adapt(2, 0.6)
    assert batch.size == 1
