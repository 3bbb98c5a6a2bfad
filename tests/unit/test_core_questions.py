"""Tokens of buttons: only the one that was made for this question and this answer is genuine."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smartsort.core.questions import Answer, Question, read

KEY = b"k" * 32
questions = st.builds(
    Question,
    st.integers(1, 2**49),
    st.text(max_size=40),
    st.text(max_size=40),
    st.integers(1_700_000_000, 9_999_999_999),
)


@given(questions, st.sampled_from(Answer))
def test_a_token_says_what_it_is_about_and_fits_telegram(question, answer):
    token = question.token(answer, KEY)
    assert len(token) <= 64
    assert read(token) == (answer, question.subject, question.until)
    assert question.is_token(token, answer, KEY)


@given(questions, questions, st.sampled_from(Answer), st.sampled_from(Answer))
def test_no_token_fits_another_question_or_answer(one, other, said, meant):
    if (one, said) != (other, meant):
        assert not other.is_token(one.token(said, KEY), meant, KEY)
    assert not one.is_token(one.token(said, b"x" * 32), said, KEY)


@given(questions, st.data())
def test_a_token_with_one_letter_changed_is_refused(question, data):
    token = question.token(Answer.YES, KEY)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(min_codepoint=33).filter(lambda c: c != token[at]))
    assert not question.is_token(token[:at] + letter + token[at + 1 :], Answer.YES, KEY)


@given(st.text(max_size=100))
def test_any_text_can_be_read(text):
    found = read(text)
    assert found is None or isinstance(found[0], Answer)


def test_text_that_is_no_token():
    for text in (
        "",
        "y",
        "y.7",
        "x.7.9.mac",
        "y.-7.9.mac",
        "y.7.9e9.mac",
        "y.٧.9.mac",
        "y.7." + "9" * 40 + ".mac",
    ):
        assert read(text) is None
