import os
import threading

from container.serving.shared_table import SharedTable


def test_each_row_has_its_own_numbers_and_a_column_can_be_added_up():
    table = SharedTable(["requests", "images"], rows=2)
    table.add(0, "requests", 2)
    table.add(1, "requests", 3)
    table.set(1, "images", 7.5)
    assert table.column("requests") == [2, 3]
    assert (table.sum("requests"), table.sum("images"), table.get(1, "images")) == (5, 7.5, 7.5)


def test_what_a_forked_process_writes_is_seen_by_its_parent_after_it_was_killed():
    table = SharedTable(["requests"], rows=2)
    if (pid := os.fork()) == 0:
        table.add(1, "requests", 41)
        os.kill(os.getpid(), 9)
    os.waitpid(pid, 0)
    table.add(1, "requests", 1)
    assert table.column("requests") == [0, 42]


def test_no_count_of_many_threads_is_lost():
    table = SharedTable(["requests"], rows=1)
    threads = [threading.Thread(target=lambda: [table.add(0, "requests", 1) for _ in range(2000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert table.sum("requests") == 16_000
