#!/bin/sh
# charset-normalizer 3.5.3: of a table of two or three rows, as a first export is, the names of people are
# too few letters to tell their encoding. Chinese comes back as Korean, Polish as Chinese, Russian as
# Central European; each is readable text, so that nothing else gives the mistake away. Japanese, Korean
# and traditional Chinese come back right. (Its documentation says that short texts are hard.)
#
# Seen: gb18030 as cp949, cp1250 as big5, cp1251 as cp1250.
# What we do: letters of everyday use in each encoding (plugin/sheets/letters.py), and the merchant may
# choose another.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "charset-normalizer==3.5.3"
"$folder/venv/bin/python" - <<'PYTHON'
from charset_normalizer import from_bytes

TABLES = {
    "gb18030": "邮箱,姓名\nli@example.com,李雷\nhan@example.com,韩梅梅\n",
    "cp1250": "email,name\na@example.com,Łukasz Żółć\n",
    "cp1251": "email,имя\na@example.com,Иван Петров\n",
    "cp932": "メールアドレス,氏名\ntaro@example.com,山田太郎\nhana@example.com,鈴木花子\n",
}
found = {}
for encoding, text in TABLES.items():
    best = from_bytes(text.encode(encoding)).best()
    found[encoding] = best.encoding if best else None
    print(encoding, "->", found[encoding])
assert found["cp932"] == "cp932"
assert found["gb18030"] != "gb18030", "Chinese is told now"
assert found["cp1250"] != "cp1250", "Polish is told now"
PYTHON
