"""Spellings of one shopper's address and numbers that are read as theirs, and some in passing."""

EMAIL, PHONE, VANITY = "élodie@bücher.example", "+14155550123", "+18003569377"
# Read as theirs by the fields of a webhook, a form or a file, from some country.
READ = (
    EMAIL,
    "ÉLODIE@bücher.example",  # capitals beyond ASCII
    "Élodie@BÜCHER.Example",
    "e\u0301lodie@bücher.example",  # accents as characters of their own
    "E\u0301LODIE@bu\u0308cher.example",
    "élodie@xn--bcher-kva.example",  # Punycode
    "ÉLODIE@XN--BCHER-KVA.EXAMPLE",
    "élodie@ｂüｃｈｅｒ.ｅｘａｍｐｌｅ",  # full width
    "élodie@bücher。example",  # another script's dot
    "\u00a0élodie@bücher.example\u3000",
    PHONE,
    "+1 (415) 555-0123",
    "+1.415.555.0123",
    "+1 415/555/0123",
    "415/555/0123",
    "[415] 555 0123",
    "(415) 555 0123",
    "415\u00a0555\u00a00123",  # no-break spaces
    "415–555–0123",  # dashes longer than a hyphen
    "+1—415—555—0123",
    "415−555−0123",
    "415\u2060555\u20110123",
    "０１１ １ ４１５ ５５５ ０１２３",  # full width, and a way abroad
    "＋１４１５５５５０１２３",
    "٤١٥٥٥٥٠١٢٣",  # other digits
    "00 1 415 555 0123",
    "0011 1 415 555 0123",
    "1 415 555 0123",
    "4155550123",
    "14155550123",
    "tel:+1-415-555-0123",
    "phone: 415 555 0123",
    "'+14155550123",  # as a sheet's guard writes it
    "415a555b0123",
    "1-800-FLOWERS",  # letters for digits
    "+1 800 flowers",
    "1-800-356-9377",
)  # fmt: skip
# No field is read so, and yet it names them.
IN_PASSING = (
    "Élodie <ÉLODIE@bücher.example>",
    "mailto:élodie@xn--bcher-kva.example?subject=Hi",
    '"élodie"@bücher.example',
    "élodie@bücher.example.",
    "\u200bélodie@bücher.example\ufeff",
    "écrivez à élodie@bücher.example, merci",
    "邮箱élodie@bücher.example谢谢",
    "/?email=%C3%A9lodie%40b%C3%BCcher.example&x=1",
    "&eacute;lodie&#64;b&uuml;cher.example",
    r'{"email": "\u00e9lodie@b\u00fccher.example"}',
    "+1 415 555 0123 ext. 5",
    "415\u202f555\u202f0123",  # narrow no-break spaces, as French has them
    "call (415) 555-0123 after six",
    "ruf +1 415 555 01 23 an, oder 030 1234567",
    "dial 1-800-FLOWERS now",
)  # fmt: skip
# Other people's.
OTHERS = (
    "elodie@bücher.example",
    "melodie@xn--bcher-kva.example",
    "mélodie@bücher.example",
    "élodie@bücher.example.org",
    "élodie@bucher.example",
    "élodie+shop@bücher.example",
    "x.élodie@bücher.example",
    "+14155550124",
    "94155550123",
    "41555501230",
    "+4915155550123",
    "order 1004155550123999",
    "1-800-FLOWERT",
)  # fmt: skip
