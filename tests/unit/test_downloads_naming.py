"""Names of downloads: from headers and URLs, which anybody can write."""

import os
from datetime import UTC, datetime

import pytest

from smartsort.downloads.naming import (
    disposition_name,
    download_name,
    looks_like_page,
    modified_ns,
    safe_name,
)

JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 40


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("IMG_1.jpg", "IMG_1.jpg"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\system32\\a.jpg", "a.jpg"),
        ("/absolute/a.jpg", "a.jpg"),
        ("C:\\Users\\a.jpg", "a.jpg"),
        ("..", "photo"),
        (".", "photo"),
        ("", "photo"),
        ("/", "photo"),
        (".htaccess", "htaccess"),
        ("~/.ssh", "ssh"),
        ("a\x00b\nc\x1b[31m.jpg", "a_b_c_[31m.jpg"),
        ("fdp.\u202egpj.jpg", "fdp._gpj.jpg"),
        ("a.jpg:stream", "a.jpg_stream"),
        ("name. . ", "name"),
        ("Bjo\u0308rn 写真.jpg", "Björn 写真.jpg"),
        ("\ud800.jpg", "_.jpg"),
    ],
)
def test_a_name_is_one_plain_file_name(text, name):
    assert safe_name(text) == name


def test_a_long_name_keeps_its_extension_and_fits():
    name = safe_name("ö" * 500 + ".jpeg")
    assert name.endswith(".jpeg")
    assert len(os.fsencode(name)) <= 200


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.jpg"', "a b.jpg"),
        ("attachment; filename=plain.jpg", "plain.jpg"),
        ("attachment; filename*=UTF-8''%e2%82%ac%20rates.jpg", "€ rates.jpg"),
        ("attachment; filename=\"fallback.jpg\"; filename*=utf-8'en'na%C3%AFve.jpg", "naïve.jpg"),
        ('inline; FILENAME="up.jpg"', "up.jpg"),
        ('attachment; filename="quo\\"te;x.jpg"', 'quo"te;x.jpg'),
        ("attachment; filename*=iso-8859-1''%A3.jpg", "£.jpg"),
        ("attachment; filename*=utf-7''x; filename=ok.jpg", "ok.jpg"),
        ("attachment; filename*=UTF-8''%ff%fe; filename=ok.jpg", "ok.jpg"),
        ("attachment; filename=\u00c3\u00bc.jpg", "ü.jpg"),
        ("attachment", None),
        ("", None),
        (None, None),
        ("attachment; filename=", None),
    ],
)
def test_content_disposition(header, name):
    assert disposition_name(header) == name


def test_the_name_comes_from_the_header_then_from_a_url_with_a_media_extension():
    assert download_name('attachment; filename="../x.jpg"', "http://a/b.png") == "x.jpg"
    assert download_name(None, "http://cdn/blob/1234", "http://a/IMG_1.jpg?x=/evil.png") == "IMG_1.jpg"
    assert download_name(None, "http://cdn/blob/1234", "http://a/view") == "1234"
    assert download_name(None, "http://a/%2e%2e%2fetc%2fpasswd") == "passwd"
    assert download_name(None, "http://a/", "http://a") == "photo"
    assert download_name('attachment; filename=".."', "http://a/b.png") == "b.png"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480),
        ("Wed, 21 Oct 2115 07:28:00 GMT", None),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("yesterday", None),
        ("Wed, 21 Oct 99999 07:28:00 GMT", None),
        ("", None),
        (None, None),
    ],
)
def test_last_modified(header, seconds):
    found = modified_ns(header, datetime(2026, 1, 1, tzinfo=UTC))
    assert found == (None if seconds is None else seconds * 10**9)


@pytest.mark.parametrize(
    ("head", "content_type", "page"),
    [
        (b"<!DOCTYPE html><html>", "image/jpeg", True),
        (b"\xef\xbb\xbf\n  <HTML lang=en>", "", True),
        (b"<!-- hello --><html>", "", True),
        (b"anything at all", "text/html; charset=utf-8", True),
        (JPEG, "text/html", False),
        (b'<svg xmlns="http://www.w3.org/2000/svg">', "image/svg+xml", False),
        (b"{}", "application/json", False),
        (b"", "image/jpeg", False),
    ],
)
def test_a_page_is_told_by_what_it_is_not_by_its_name(head, content_type, page):
    assert looks_like_page(head, content_type) is page
