from container.serving.gunicorn_server import TMP_DIR, gunicorn_options, writable_dir
from container.serving.settings import ServeSettings


def test_heartbeat_files_lie_in_memory_where_that_can_be_written(tmp_path):
    assert writable_dir(str(tmp_path)) == str(tmp_path)


def test_heartbeat_files_lie_in_tmp_where_there_is_no_shared_memory(tmp_path):
    assert writable_dir(str(tmp_path / "missing")) == TMP_DIR


def test_the_servers_settings_reach_gunicorn():
    options = gunicorn_options(ServeSettings(port=9000, workers=3, threads=7, graceful_seconds=11))
    assert options["bind"] == "0.0.0.0:9000"
    assert (options["workers"], options["threads"], options["graceful_timeout"]) == (3, 7, 11)
