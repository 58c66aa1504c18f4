"""Reading the server's log."""

from pathlib import Path

from bench.reliability.server_log import LogMark, wall_time


def test_only_complete_lines_after_the_mark_are_read(tmp_path: Path) -> None:
    path = tmp_path / "serve.log"
    path.write_text('{"event": "before", "level": "error"}\n')
    mark = LogMark.at_end(path)
    with path.open("a") as file:
        file.write('{"event": "request", "status": 200}\n{"event": "requ')
    assert mark.lines() == [{"event": "request", "status": 200}]
    assert mark.failures() == []


def test_errors_answers_of_500_and_what_is_no_json_are_failures(tmp_path: Path) -> None:
    path = tmp_path / "serve.log"
    lines = ['{"level": "error"}', '{"level": "info", "status": 500}', "Traceback", "[]", '{"status": 503}']
    path.write_text("\n".join(lines) + "\n")
    assert len(LogMark(path, 0).failures()) == 4


def test_the_time_of_a_line_is_that_of_time_time() -> None:
    assert wall_time({"time": "1970-01-01T00:01:00.250+00:00"}) == 60.25
