from container.serving.held_bytes import HeldBytes


def test_bytes_are_held_up_to_the_limit_and_again_once_given_back():
    held = HeldBytes(10)
    assert held.take(6)
    assert not held.take(5)
    assert held.take(4)
    held.give_back(6)
    assert held.held == 4
    assert held.take(5)
