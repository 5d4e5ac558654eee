#!/bin/sh
# Python 3.11 to 3.14, csv.Sniffer: a file with one column, as a list of email addresses is, gets a letter
# for its separator instead of an error, since it takes any character that each line has as often. The
# letter depends on the addresses. With a title above the table there is none at all.
#
# Seen (3.11.7): 'e' for a column of addresses; "Could not determine delimiter" below a title.
# What we do: four separators, and the one that splits most of the first rows alike
# (plugin/sheets/encoding.py).
set -eu
python3 - <<'PYTHON'
import csv

column = "email\na@x.de\nb@x.de\n"
found = csv.Sniffer().sniff(column).delimiter
print(repr(found))
assert found.isalnum(), "one column has no letter for a separator now"
try:
    csv.Sniffer().sniff("Customers 2026\n\nemail,name\na@x.de,A\n")
except csv.Error as error:
    print(error)
else:
    raise AssertionError("a title does no harm now")
PYTHON
