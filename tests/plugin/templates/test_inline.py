import pytest

from plugin.templates.inline import Bold, Link, Part, Words, read_inline


def as_html(parts: list[Part]) -> str:
    written = []
    for part in parts:
        match part:
            case Words(text):
                written.append(text)
            case Bold(inner):
                written.append(f"<b>{as_html(inner)}</b>")
            case Link(inner, address):
                written.append(f"<a {address}>{as_html(inner)}</a>")
    return "".join(written)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("**a** b", "<b>a</b> b"), ("x**y**z", "x<b>y</b>z"), ("2 ** 3 and 4 ** 2", None),
        ("**a **b** c", "<b>a **b</b> c"), ("** a**", None), ("**a\nb**", None), ("****", None),
        ("**中文：**后", "<b>中文：</b>后"), ("***a***", "<b>*a</b>*"), ("a*b*c", None),
        ("[a](u)", "<a u>a</a>"), ("[a]( u )", "<a u>a</a>"), ("[a [b] c](u)", "<a u>a [b] c</a>"),
        ("[a](u_(b))", "<a u_(b)>a</a>"), ("[a](u(b)", None), ("[a](b c)", None), ("[](u)", None),
        ("[a]()", None), ("[a] (u)", None), ("[a](x**y**z)", "<a x**y**z>a</a>"),
        ("[a [b](x) c](y)", "[a <a x>b</a> c](y)"), ("**[a](u) b**", "<b><a u>a</a> b</b>"),
        ("[**a**](u)", "<a u><b>a</b></a>"), ("**a [b](x**y) c**", "<b>a <a x**y>b</a> c</b>"),
        ("[a](u)[b](v)", "<a u>a</a><a v>b</a>"), ("a ] b [ c", None), ("", ""),
    ],
)  # fmt: skip
def test_markup_is_read_as_commonmark_does(text: str, read: str | None) -> None:
    assert as_html(read_inline(text)) == (text if read is None else read)


@pytest.mark.parametrize("odd", ["[", "(", "**a ", "[**a", "**a**", "[a](b)", "](x)", "[a"])
def test_s16_a_long_text_of_markup_is_read_in_one_go(odd: str) -> None:
    found = read_inline(odd * 20_000)

    assert 0 < len(found) <= 40_000
    assert read_inline("[" * 5_000 + "a" + "](x)" * 5_000)[1] == Link([Words("a")], "x")
