from container.serving.error_answer import error_answer


def test_an_answer_of_the_server_itself_has_the_form_of_all_errors():
    text = error_answer(429, "overloaded", "Later.").decode()
    assert text.startswith("HTTP/1.1 429 Too Many Requests\r\n")
    assert text.endswith('{"error": {"code": "overloaded", "message": "Later."}}')
