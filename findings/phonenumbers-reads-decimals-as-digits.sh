#!/bin/sh
# phonenumbers 9.0.43: a number that a table wrote as a decimal (pandas does, where a phone is missing in
# another row: 4915112345678.0) is read with the zero behind the point as one more digit. The longer number
# is then valid or not by chance: of Austria's, with numbers of many lengths, it is a valid one of somebody else.
#
# Seen: 4915112345678.0 as +49151123456780 (not valid), 436641234567.0 as +4366412345670 (valid).
# What we do: whole numbers lose their decimals before they are read (plugin/imports/addresses.py).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "phonenumbers==9.0.43" "pandas==3.1.1"
"$folder/venv/bin/python" - <<'PYTHON'
import io

import pandas
import phonenumbers

table = pandas.read_csv(io.StringIO("email,phone\na,+436641234567\nb,\n"))
written = table.to_csv(index=False).splitlines()[1].split(",")[1]
print(written)
assert written == "436641234567.0"
for text, region in (("4915112345678.0", "DE"), (written, "AT")):
    number = phonenumbers.parse(f"+{text}", region)
    whole = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    print(text, whole, phonenumbers.is_valid_number(number))
    assert whole.endswith("0"), "decimals are no digits now"
PYTHON
