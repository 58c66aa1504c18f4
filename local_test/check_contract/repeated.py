"""The same request several times over: whether each is answered in time, and how long it takes."""

from collections.abc import Callable, Sequence

from local_test.check_contract.exchange import Answer, duration


def is_quick(answer: Answer, seconds: float) -> bool:
    return answer.status == 200 and answer.seconds <= seconds


def answers_until_bad(ask: Callable[[], Answer], number: int, seconds: float) -> list[Answer]:
    """Up to `number` answers, at least one; the last is the only one that may be late, or other than 200."""
    answers = [ask()]
    while len(answers) < number and is_quick(answers[-1], seconds):
        answers.append(ask())
    return answers


def usual_and_worst(answers: Sequence[Answer]) -> str:
    """`200 in 3 ms, at worst 5 ms`."""
    times = sorted(answer.seconds for answer in answers)
    return f"200 in {duration(times[len(times) // 2])}, at worst {duration(times[-1])}"
