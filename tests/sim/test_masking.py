import pytest

from unosim.masking import Masks, hide


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('AT+CWJAP="net","secret"\r\n', 'AT+CWJAP="net","***"\r\n'),
        ('AT+CWJAP_DEF="n\\"et","se\\"cret","aa:bb"', 'AT+CWJAP_DEF="n\\"et","***","aa:bb"'),
        ('AT+CWJAP="net","no end\r\nAT+GMR', 'AT+CWJAP="net","***\r\nAT+GMR'),
        ('AT+CWSAP_CUR="esp","secret",5,3', 'AT+CWSAP_CUR="esp","***",5,3'),
        ('+CWSAP:"esp","secret",5,3', '+CWSAP:"esp","***",5,3'),
        ('AT+CWJEAP="n",1,"id","user","secret",0', 'AT+CWJEAP="n",1,"id","user","***",0'),
        ('AT+MQTTUSERCFG=0,1,"id","user","secret",0,0,""', 'AT+MQTTUSERCFG=0,1,"id","user","***",0,0,""'),
        ('AT+MQTTPASSWORD=0,"secret"', 'AT+MQTTPASSWORD=0,"***"'),
        ('AT+MQTTUSERCFG=0,10,"id","user","secret"', 'AT+MQTTUSERCFG=0,10,"id","user","***"'),
        ('AT+CIPSSLCPSK=4,"secret","hint"', 'AT+CIPSSLCPSK=4,"***","hint"'),
        ('AT+CIPSSLCPSK="secret","hint"', 'AT+CIPSSLCPSK="***","hint"'),
        ('at+cwjap="net","secret"', 'at+cwjap="net","***"'),
        ('"X-Device: uno","Authorization: Basic eA=="', '"X-Device: uno","Authorization: ***"'),
        (
            "GET / HTTP/1.1\r\nauthorization: Basic eA==\r\n\r\n",
            "GET / HTTP/1.1\r\nauthorization: ***\r\n\r\n",
        ),
        ("Set-Cookie: a=b\r\nX: y", "Set-Cookie: ***\r\nX: y"),
        ("AT+CWJAP?\r\n", "AT+CWJAP?\r\n"),
        ("AT+CWLAP\r\n", "AT+CWLAP\r\n"),
    ],
)
def test_secrets_are_hidden_and_nothing_else(text: str, shown: str) -> None:
    assert hide(text, lambda _: "***") == shown


def test_masks_keep_lengths_and_tell_secrets_apart() -> None:
    masks = Masks()
    first, second = masks.of("secret-key"), masks.of("other-keys")
    assert first != second
    assert masks.of("secret-key") == first
    assert {len(first), len(second)} == {10}
    assert masks.of("") == ""
    assert masks.of("x") == "2"


def test_a_secret_that_became_known_is_hidden_wherever_it_turns_up() -> None:
    masks = Masks()
    command = b'AT+CWJAP="net","secret-key"\r\n'
    assert masks.hide(b"secret-key and hush") == b"secret-key and hush"
    assert b"secret-key" not in masks.hide(command)
    assert masks.hide(b"secret-key and hush") == b"*********0 and hush"
    masks.hide(b'AT+CWJAP="net","hush"\r\n')
    assert masks.hide(b"hush") == b"hush"  # too short to be sure
