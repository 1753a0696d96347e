"""Acts: each is a call of the API, and has its words."""

from __future__ import annotations

import pytest

from chat.client.acts import FORMS, Act, Queued
from chat.rpc import chat_pb2

(SERVICE,) = chat_pb2.DESCRIPTOR.services_by_name.values()


@pytest.mark.parametrize("act", Act)
def test_each_act_is_a_call_whose_answer_has_the_message(act: Act) -> None:
    form = FORMS[act]
    request = form.request(Queued("q", "ada", "bob", "hi", 1.0, act=act, about="m"))
    method = SERVICE.methods_by_name[form.method]
    assert request.DESCRIPTOR is method.input_type
    assert "message" in method.output_type.fields_by_name
    assert {value for _, value in request.ListFields()} >= {"hi", "q"}


@pytest.mark.parametrize("act", [act for act in Act if act is not Act.SEND])
def test_each_change_has_words_where_it_waits_and_where_it_was_refused(act: Act) -> None:
    form = FORMS[act]
    assert all((form.waits, form.refused, form.listed, form.lost))
