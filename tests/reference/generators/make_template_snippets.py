#!/usr/bin/env python3
"""Renders small templates, written ones and random ones, by Jinja2 in the environment of transformers' apply_chat_template, one line each:
tests/reference/templates/snippets.jsonl. Needs jinja2 3.1.6.

    python3 make_template_snippets.py > ../templates/snippets.jsonl
"""
import copy
import json
import random
import sys
from datetime import datetime

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime(2026, 2, 3, 4, 5, 6)


class Generation(jinja2.ext.Extension):
    """{% generation %}: a call block whose caller is printed."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("support"), [], [], body).set_lineno(line)

    def support(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: NOW.strftime(format)
    return env


VARIABLES = {
    "s": "Hello, World",
    "u": "Grüße aus Köln ñ ß ΣΑΣ 日本語 🦊",
    "empty": "",
    "pad": "  \t two  words \n",
    "lines": "one\ntwo\r\nthree\n\nfour",
    "quote": "it's \"quoted\" \\ \t\n\x07é",
    "html": "<a href=\"x\">&'",
    "i": 7, "n": -3, "zero": 0, "big": 123456789012345, "f": 2.5, "g": -0.1, "h": 1e22, "k": 1e-7, "w": 3.0,
    "yes": True, "no": False, "nothing": None,
    "xs": [3, 1, 2], "ys": ["b", "A", "c", "a"], "mixed": [1, "a", 2.5, None, True, [1, 2], {"k": "v"}],
    "nested": [[1, 2], [3, 4], [5]], "es": [],
    "d": {"b": 1, "a": 2, "C": 3}, "ed": {}, "deep": {"x": {"y": [10, {"z": "end"}]}, "items": "shadow", "é": 1},
    "users": [{"name": "Ann", "age": 30, "city": "Bonn", "on": True}, {"name": "bob", "age": 25, "city": "Aachen", "on": False},
              {"name": "Cid", "age": 30, "city": "bonn"}],
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"},
                 {"role": "assistant", "content": "Hello", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1, "y": "ü"}}}]},
                 {"role": "tool", "content": "3"}],
}

EXPRESSIONS = r"""
1 + 2 * 3
(1 + 2) * 3
7 // 2
-7 // 2
7 % 3
-7 % 3
7 / 2
6 / 2
2 ** 10
2 ** -1
2 ** 3 ** 2
-2 ** 2
7.5 // 2
-7.5 % 2
5 % -3
5.5 % -2
1 / 0
1 // 0
1 % 0
1.5 + 1
1 + true
true + true
0.1 + 0.2
1e16
1e15
123456789.0
1e-5
0.0001
1.0
-0.0
1_000
0x1F
0o17
0b101
1e3
3.14e-2
10 ** 18
i / 0.5
h
k
w
f
g
big * 2
"a" + "b"
"a" ~ 1 ~ none ~ true ~ 1.5
"a" * 3
3 * "ab"
[1] * 3
[1] + [2]
(1,) + (2,)
[1] + (2,)
"a" + 1
1 + "a"
none + 1
undefined_name + 1
undefined_name.x
undefined_name
undefined_name ~ "x"
undefined_name == other_undefined
undefined_name == none
undefined_name is defined
undefined_name is undefined
undefined_name or "default"
not undefined_name
undefined_name | length
undefined_name | list
undefined_name | default("d")
undefined_name | upper
undefined_name | join(",")
undefined_name | tojson
undefined_name | int
undefined_name["x"]
undefined_name()
nothing.x
nothing["x"]
nothing.x.y
s.nope
s.nope.x
s.nope | default("none")
s[0]
s[-1]
s[100]
s[1:4]
s[::-1]
s[-3:]
s[:-3]
s[::2]
s[5:1]
s[10:0:-2]
u[0:5]
u[-1]
u | length
u.upper()
u.lower()
u.title()
u.capitalize()
u.casefold()
u.swapcase()
u | title
u | upper
u | capitalize
s.upper()
s.lower()
s.swapcase()
s.title()
"hello world-wide (web) it's".title()
"hello world-wide (web) it's" | title
s.startswith("Hell")
s.startswith(("x", "He"))
s.startswith("W", 7)
s.endswith("ld")
s.endswith("lo", 0, 5)
s.find("o")
s.find("o", 5)
s.rfind("o")
s.find("zz")
s.index("o")
s.index("zz")
s.count("l")
s.count("")
s.replace("l", "L")
s.replace("l", "L", 1)
"abc".replace("", "-")
"abc".replace("", "-", 2)
s | replace("l", "L")
s | replace("l", "L", 2)
s.split(",")
s.split()
s.split("l", 1)
s.rsplit("l", 1)
s.split("")
pad.split()
pad.split(none, 1)
pad.rsplit(none, 1)
" a  b c ".split(" ")
" a  b c ".split(" ", 2)
"a,b,c".rsplit(",", 1)
"a--b--c".split("--")
lines.splitlines()
lines.splitlines(true)
s.partition(", ")
s.rpartition("o")
s.partition("zz")
s.rpartition("zz")
", ".join(ys)
", ".join(xs)
", ".join("abc")
pad.strip()
pad.lstrip()
pad.rstrip()
"xxhixx".strip("x")
"xyhixy".lstrip("yx")
pad | trim
"--a--" | trim("-")
"a".center(6) ~ "|"
"ab".center(5) ~ "|"
"abc".center(6, "*")
"ab".center(7, "*")
"a".ljust(4, ".")
"a".rjust(4)
"a" | center(5) ~ "|"
"42".zfill(5)
"-42".zfill(6)
"a\tb".expandtabs()
"a\tb".expandtabs(4)
"prefix-x".removeprefix("prefix-")
"x.txt".removesuffix(".txt")
"abc".isalpha()
"ab1".isalnum()
"123".isdigit()
"²".isdigit()
"½".isnumeric()
"١٢".isdecimal()
" \t".isspace()
"".isspace()
"Ab".isupper()
"AB1".isupper()
"ab".islower()
"Ab Cd".istitle()
"abc".isidentifier()
"1a".isidentifier()
"abc".isascii()
u.isascii()
"a\x07".isprintable()
"%s is %d" % ("x", 3)
"%s" % "x"
"%s" % none
"%5.2f|" % 3.14159
"%-6s|" % "ab"
"%6s|" % "ab"
"%05d" % 42
"%+d" % 42
"%x %X %o" % (255, 255, 8)
"%#x" % 255
"%e" % 12345.678
"%g" % 0.00001
"%g" % 123456789
"%r" % "it's"
"%%" % ()
"%s" % (1, 2)
"%s %s" % "a"
"%d" % "a"
"%d" % 3.99
"%(a)s-%(b)05.1f" % {"a": 1, "b": 2.25}
"%c" % 65
"%c" % "x"
"%.3s" % "abcdef"
"%*d" % (5, 42)
"%s" % [1, "a"]
"%s" % {"a": 1}
"%i" % true
"{} and {}".format(1, "x")
"{0} {1} {0}".format("a", "b")
"{name}!".format(name="Bo")
"{:>8}|{:<8}|{:^8}|".format("a", "b", "c")
"{:*^9}".format("mid")
"{:,}".format(1234567)
"{:_}".format(1234567)
"{:05d}".format(42)
"{:+}".format(3)
"{:.2f}".format(3.14159)
"{:10.3f}|".format(3.14159)
"{:e}".format(1234.5)
"{:g}".format(1234567.0)
"{:%}".format(0.25)
"{:.1%}".format(0.256)
"{:x} {:#x} {:b} {:o} {:X}".format(255, 255, 5, 8, 255)
"{!r} {!s}".format("a", "a")
"{0[k]} {1[0]}".format({"k": 1}, [2])
"{:{}}|".format("a", 5)
"{{}} {}".format(1)
"{".format(1)
"}".format(1)
"{} {}".format(1)
"{x}".format()
"{:d}".format("a")
"{:s}".format(3)
"{:.2}".format("abc")
"{:08.2f}".format(-3.14159)
"{:,.2f}".format(1234567.891)
"{}".format(none)
"{}".format([1])
"{:>5}".format(none)
"{} {0}".format(1)
"{a.b}".format(a={"b": 3})
"{0.upper}".format("x") is string
"%#010x %#-10x| %+#010X %#012.6x %#05o %010.4d" % (255, 255, -255, 255, 8, 65)
"%08.3f %+08.2f %#.0f % 08d %-+8.2f|" % (-1.5, 1.5, 2.0, 42, 1.5)
"{:012,} {:012,.2f} {:020_} {:015,g} {:020,}".format(1234567, 1234.5, 1e16, 1e-7, h)
"{:#012_x} {:#_b} {:=+#14_x}| {:0=+#14_x} {:020,.3%}".format(65535, 1000, 255, 255, 1234.5)
"{:050000,}".format(7) | length
"%s" | format("x")
"%s %s" | format("x", 1)
"%(a)s" | format(a=1)
xs
ys
mixed
nested
d
deep
es
ed
nothing
yes
quote
[quote]
["\x00\x1f\x7f\u00a0é\u2028😀"]
["'"]
['"']
["'\""]
(1,)
(1, 2)
()
{"a": (1, [2])}
{1: "a", 1.0: "b", true: "c"}
{none: 1}
{[1]: 1}
1, 2
xs[0]
xs[-1]
xs[5]
xs[1:]
xs[::-1]
xs.0
xs["0"]
xs[none]
xs[true]
xs.count(1)
xs.index(2)
xs.index(9)
xs.append(4)
xs.append is defined
xs.pop()
xs.sort()
xs.copy()
(1, 2, 1).count(1)
d.a
d["a"]
d["zz"]
d.zz
d.keys()
d.values()
d.items()
d.items() | list
d.get("a")
d.get("zz")
d.get("zz", 5)
d.get("zz", default=5)
d.pop("a")
d.update({"x": 1})
d.setdefault("x", 1)
d.copy()
d.clear
d | length
d | list
d | first
d | last
d | items | list
d | dictsort
d | dictsort(true)
d | dictsort(by="value")
d | dictsort(reverse=true)
d | dictsort(by="x")
deep.x.y[1].z
deep.items
deep["items"]
deep.é
deep.x.y.1.z
"a" in s
"H" in s
1 in xs
9 not in xs
"a" in d
"zz" in d
1 in s
1 in nothing
none in [none]
1 in undefined_name
"b" in ["a", "b"] and true
1 < 2
1 < 2 < 3
3 > 2 > 2
1 == 1.0
"a" < "b"
"a" < 1
[1, 2] < [1, 3]
(1,) < (1, 2)
none == none
none < 1
xs == [3, 1, 2]
xs == (3, 1, 2)
d == {"a": 2, "b": 1, "C": 3}
1 != 2
true == 1
"1" == 1
i >= 7
i <= 6
undefined_name < 1
1 and 2
0 and 2
0 or "x"
"" or none
not 0
not "a"
not not 1
1 if true else 2
1 if false else 2
1 if false
(1 if false) is defined
(1 if false) | default("x")
(1 if false).x
1 if true else 2 if false else 3
"a" if no else "b" if yes else "c"
xs | first
xs | last
es | first
es | last
"abc" | first
"abc" | last
"abc" | list
"abc" | reverse
xs | reverse | list
xs | length
nothing | length
i | length
xs | sum
users | sum(attribute="age")
[1.5, 2] | sum
xs | sum(start=10)
["a"] | sum
xs | min
xs | max
ys | min
ys | max
ys | min(case_sensitive=true)
es | max
es | max | default("none")
users | max(attribute="age")
xs | sort
xs | sort(reverse=true)
ys | sort
ys | sort(case_sensitive=true)
users | sort(attribute="age") | map(attribute="name") | list
users | sort(attribute="age,name", reverse=true) | map(attribute="name") | list
mixed | sort
ys | unique | list
["a", "A", "b"] | unique | list
["a", "A", "b"] | unique(true) | list
users | unique(attribute="age") | map(attribute="name") | join
users | groupby("city") | list
users | groupby("city") | map("first") | list
users | groupby("city", case_sensitive=true) | map(attribute="grouper") | list
(users | groupby("age"))[0].list | length
users | groupby("nope", default="x") | length
users | map(attribute="name") | list
users | map(attribute="nope") | list
users | map(attribute="nope", default="-") | list
users | map("length") | list
ys | map("upper") | join("-")
ys | map("nope") | list
ys | map() | list
ys | map(atribute="x") | list
ys | map("replace", "a", "z") | list
xs | select("odd") | list
xs | select | list
mixed | select | list
xs | reject("odd") | list
xs | select(">", 1) | list
xs | select("divisibleby", 2) | list
users | selectattr("on") | map(attribute="name") | list
users | rejectattr("on") | map(attribute="name") | list
users | selectattr("age", "==", 30) | map(attribute="name") | list
users | selectattr("city", "in", ["Bonn"]) | list | length
users | selectattr("on", "defined") | list | length
users | rejectattr("on", "undefined") | list | length
users | selectattr("age", "gt", 26) | map(attribute="name") | join(", ")
users | selectattr("age", "nope", 26) | list
xs | select("odd") | length
(xs | select("odd")) is defined
("yes" if xs | select("equalto", 99) else "no")
xs | map("string") | tojson
xs | batch(2) | list
xs | batch(2, "-") | list
[1, 2, 3, 4, 5] | slice(3) | list
[1, 2, 3, 4, 5] | slice(3, "-") | list
xs | join
xs | join(", ")
users | join(", ", attribute="name")
users | join(", ", "name")
nothing | join
s | list | length
s | wordcount
u | wordcount
pad | wordcount
lines | indent
lines | indent(2)
lines | indent(2, true)
lines | indent(2, first=true, blank=true)
lines | indent("> ")
"a b c d e f" | truncate(5)
"a b c d e f g h i j k" | truncate(9)
"a b c d e f g h i j k" | truncate(9, true)
"a b c d e f g h i j k" | truncate(9, true, "!")
"a b c d e f g h i j k" | truncate(11, false, "...", 0)
"3" | int
"3.7" | int
"x" | int
"x" | int(9)
"0x1f" | int(base=16)
"1_000" | int
" 42 " | int
none | int
2.9 | int
true | int
"101" | int(base=2)
"3.5" | float
"x" | float
"x" | float(1.5)
"inf" | float
"1e3" | float
3 | float
-3 | abs
-2.5 | abs
"a" | abs
2.5 | round
3.5 | round
2.675 | round(2)
2.5 | round(method="ceil")
2.4 | round(method="floor")
42.55 | round(1, "floor")
7 | round
1234 | round(-2)
2.5 | round(method="x")
1000 | filesizeformat
1 | filesizeformat
500 | filesizeformat
1234567 | filesizeformat
1234567 | filesizeformat(true)
html | e
html | escape
html | e | e
html | forceescape
html | safe
(html | e) + "<"
"<" + (html | e)
(html | e) ~ "<"
html | e | upper
html | safe | tojson
[html | e]
(html | e).replace("a", "<")
"%s <" | safe % "<"
html | urlencode
"a b/c?d=é" | urlencode
{"a": 1, "b c": "d&e"} | urlencode
{"class": "x", "no": none, "id": 3} | xmlattr
1 | string
none | string
xs | string
s | string | length
xs | tojson
d | tojson
deep | tojson
mixed | tojson
u | tojson
u | tojson(ensure_ascii=true)
quote | tojson
html | tojson
d | tojson(indent=2)
deep | tojson(indent=4)
mixed | tojson(indent=1)
es | tojson(indent=2)
d | tojson(separators=(",", ":"))
d | tojson(sort_keys=true)
d | tojson(true, 2)
d | tojson(indent="\t")
[1.0, 1e22, 0.1, -0.0] | tojson
{1: 2, none: 3, true: 4, 1.5: 6} | tojson
{(1, 2): 3} | tojson
(1, 2) | tojson
none | tojson
range(3) | tojson
d.items() | tojson
d.items() | list | tojson
"\u007f\u2028/" | tojson
range(3)
range(3) | list
range(2, 8, 3) | list
range(5, 0, -2) | list
range(3)[1]
range(3)[9]
range(10)[2:5]
range(3) | length
range(100001)
range(0)
range(1, 2, 0)
2 in range(3)
dict(a=1, b=2)
dict({"x": 1}, y=2)
dict([("a", 1)])
namespace(a=1)
namespace(a=1).a
namespace(a=1)["a"]
namespace(a=1).b
namespace({"x": 2}).x
raise_exception("boom " ~ 1)
strftime_now("%Y-%m-%d %H:%M:%S")
strftime_now("%d %b %Y, %A %j %% %B")
strftime_now("")
xs is sequence
s is sequence
d is sequence
i is sequence
d.items() is sequence
range(3) is sequence
undefined_name is sequence
xs is iterable
i is iterable
nothing is iterable
undefined_name is iterable
d is mapping
xs is mapping
s is string
(s | safe) is string
i is string
i is number
f is number
yes is number
i is integer
yes is integer
f is float
yes is boolean
i is boolean
yes is true
i is true
no is false
0 is false
nothing is none
undefined_name is none
i is odd
i is even
i is divisibleby(7)
i is divisibleby 7
s is lower
"abc" is lower
"ABC" is upper
i is eq 7
i is sameas 7
yes is sameas true
1 is sameas true
xs is sameas xs
i is in [1, 7]
i is in xs
i is gt 3
i is ge 7
i is lt 3
i is le 7
i is ne 7
i is not eq 7
i is equalto 7
i is greaterthan 3
i is lessthan 3
"upper" is filter
"nope" is filter
"odd" is test
(html | e) is escaped
html is escaped
range is callable
s is callable
s.upper is callable
undefined_name is callable
s is not string
s is defined and s is string
not s is string
i is odd and i is number or false
i is odd is number
xs is nope
s | nope
s | uper
i is divisibleby
i is divisibleby(0)
"a" is odd
s.__class__
s.__class__.__name__
s.__class__ is defined
xs.__len__ is defined
"".__class__.__mro__
s._private
d._x
s | attr("upper") is callable
s | attr("nope")
d | attr("a")
cycler("a", "b").next()
cycler("a", "b").current
cycler()
joiner("-")()
s.upper
s.upper() | lower
"a" "b" 'c'
'single \'q\' \n \x41 \u00e9 \101 \q'
"\
x"
1 . real
1.5.is_integer()
(2.0).is_integer()
(7).bit_length()
xs | first + 1
-xs[0]
-xs | first
- i ** 2
+i
not i == 7
i == 7 or 1 / 0
"x" ~ "y" * 2
1 ~ 2 + 3
1 + 2 ~ 3
2 * 3 ~ 4
users[0].name
users[0]["name"]
users[-1].on is defined
users[0].name[0]
users | length > 2
messages[2].tool_calls[0].function.arguments | tojson
messages[-1].role == "tool" and messages[-2].tool_calls is defined
messages[0].content.split(" ")[-1]
messages[1:] | map(attribute="role") | join(",")
(messages | selectattr("role", "equalto", "user") | list | last).content
messages | selectattr("role", "in", ["user", "tool"]) | map(attribute="content") | list
messages | map(attribute="tool_calls") | select("defined") | list | length
[x for x in xs]
xs if
(1
1)
[1, 2
{"a" 1}
"abc
a b
1 +
.x
x.
| upper
xs[
xs[]
f(
{% if
""".strip("\n").split("\n")

STATEMENTS = [
    "{% if yes %}a{% else %}b{% endif %}",
    "{% if no %}a{% elif i == 7 %}b{% else %}c{% endif %}",
    "{% if no %}a{% endif %}|",
    "{% if 1, 2 %}t{% endif %}",
    "a\n{% if yes %}\n  b\n{% endif %}\nc",
    "a\n  {% if yes %}  \n  b\n  {% endif %}  \nc",
    "a\n  {%- if yes -%}  \n  b\n  {%- endif -%}  \nc",
    "a\n  {%+ if yes +%}\n  b\n  {%+ endif +%}\nc",
    "a {{- 1 -}} b",
    "a\n {{ 1 }}\n b",
    "a\n\n{{ 1 }}\n\n",
    "line\n",
    "line\n\n",
    "a\r\nb\rc\n",
    "{# comment #}x",
    "a\n  {# comment #}\nb",
    "a {#- c -#} b",
    "a {# c\n d #}\n b",
    "{# open",
    "{% raw %}{{ x }}{% endraw %}",
    "a\n {% raw %}\n {{ x }} {% if %}\n {% endraw %}\nb",
    "a {%- raw -%} {{ x }} {%- endraw -%} b",
    "{% raw %}x",
    "{% for x in xs %}{{ x }},{% endfor %}",
    "{% for x in es %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in xs %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in xs %}{% break %}{% else %}else{% endfor %}",
    "{% for x in xs %}{% continue %}{% else %}else{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in xs if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in xs if x > 9 %}{{ x }}{% else %}none{% endfor %}",
    "{% for x in ys %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
    "{% for x in ys %}[{{ loop.previtem }}|{{ x }}|{{ loop.nextitem }}]{% endfor %}",
    "{% for x in ys %}{{ loop.previtem is defined }}{{ loop.nextitem is undefined }} {% endfor %}",
    "{% for x in ys %}{{ loop.cycle('o', 'e') }}{% endfor %}",
    "{% for x in [1, 1, 2] %}{{ loop.changed(x) }} {% endfor %}",
    "{% for x in ys %}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}",
    "{% for k, v in d | dictsort %}{{ k }}={{ v }};{% endfor %}",
    "{% for a, b in nested %}{{ a }}{{ b }}{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [1] %}{% endfor %}",
    "{% for c in 'héy' %}{{ c }}.{% endfor %}",
    "{% for x in nothing %}{% endfor %}",
    "{% for x in 5 %}{% endfor %}",
    "{% for x in undefined_name %}{{ x }}{% else %}e{% endfor %}",
    "{% for x in xs | select('odd') %}{{ x }}{{ loop.last }}{{ loop.length }}{% endfor %}",
    "{% for x in xs %}{% for y in ys %}{{ x }}{{ y }}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% for x in xs %}{% set outer = loop %}{% for y in ys %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% for row in nested recursive %}{% if row is iterable %}[{{ loop(row) }}]{% else %}{{ row }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for x in xs %}{{ loop(xs) }}{% endfor %}",
    "{% for x in xs %}{% set y = x %}{% endfor %}{{ y }}",
    "{% set y = 0 %}{% for x in xs %}{% set y = y + x %}{{ y }} {% endfor %}{{ y }}",
    "{% set ns = namespace(y=0) %}{% for x in xs %}{% set ns.y = ns.y + x %}{% endfor %}{{ ns.y }}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns }}{{ ns.a }}",
    "{% set x.y = 1 %}",
    "{% set d.y = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}",
    "{% set a = 1, 2 %}{{ a }}",
    "{% set a, b = 1 %}",
    "{% set a, b = [1, 2, 3] %}",
    "{% set x %}block {{ i }}{% endset %}{{ x }}|{{ x is string }}",
    "{% set x | upper %}block {{ i }}{% endset %}{{ x }}",
    "{% set x | replace('o', '0') | title %}foo bar{% endset %}{{ x }}",
    "{% set ns = namespace() %}{% set ns.t %}x{{ i }}{% endset %}{{ ns.t }}",
    "{% set 1 = 2 %}",
    "{% set s = s ~ '!' %}{{ s }}",
    "{% if yes %}{% set z = 1 %}{% endif %}{{ z }}",
    "{% if no %}{% set z = 1 %}{% endif %}{{ z is defined }}",
    "{% for x in xs %}{% set loop = 1 %}{% endfor %}",
    "{% for loop in xs %}{% endfor %}",
    "{% macro m(a, b=2, c=a) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(1, c=9) }}|{{ m(b=5, a=4) }}",
    "{% macro m(a) %}{{ a }}{{ a is defined }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}",
    "{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}",
    "{% macro m() %}{% endmacro %}{{ m(1) }}",
    "{% macro m() %}{% endmacro %}{{ m(x=1) }}",
    "{% macro m(a) %}{% endmacro %}{{ m(1, a=2) }}",
    "{% macro m(x) %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}{% endmacro %}{{ m(1) }}{{ m }}",
    "{% macro m() %}{{ i }}{% set i = 8 %}{{ i }}{% endmacro %}{{ m() }}{{ i }}",
    "{% macro m() %}{{ later }}{% endmacro %}{% set later = 5 %}{{ m() }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}",
    "{% macro m() %}  x  {% endmacro %}[{{ m() | trim }}]{{ m() | length }}",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m(a, a) %}{% endmacro %}",
    "{% macro wrap() %}<{{ caller() }}>{% endmacro %}{% call wrap() %}in{{ i }}{% endcall %}",
    "{% macro wrap() %}<{{ caller(1, 2) }}>{% endmacro %}{% call(a, b=5) wrap() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro wrap(caller) %}{{ caller() }}{% endmacro %}{% call wrap() %}x{% endcall %}",
    "{% macro wrap() %}x{% endmacro %}{% call wrap() %}y{% endcall %}",
    "{% macro wrap() %}{{ caller() }}{% endmacro %}{{ wrap() }}",
    "{% call nope() %}x{% endcall %}",
    "{% call 1 %}x{% endcall %}",
    "{% filter upper %}a{{ s }}{% endfilter %}",
    "{% filter replace('a', 'b') | upper %}banana{% endfilter %}",
    "{% filter indent(2) %}a\nb{% endfilter %}",
    "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a }}",
    "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q }}",
    "{% with a = 1, b = a %}{{ b }}{% endwith %}",
    "{% generation %}gen {{ i }}{% set g = 1 %}{% endgeneration %}|{{ g }}",
    "a\n  {% generation %}\n  b\n  {% endgeneration %}\nc",
    "{% block b %}x{{ i }}{% endblock %}",
    "{% set v = 1 %}{% block b %}{{ v }}{% set v = 2 %}{{ v }}{% endblock %}{{ v }}",
    "{% block b %}x{% endblock b %}{{ self.b() }}",
    "{% for x in xs %}{% block b scoped %}{{ x }}{% endblock %}{% endfor %}",
    "{% for x in xs %}{% block b %}{{ x }}{% endblock %}{% endfor %}",
    "{% block b required %} {% endblock %}",
    "{% block b %}{{ super() }}{% endblock %}",
    "{% block b %}{% endblock %}{% block b %}{% endblock %}",
    "{% block a-b %}{% endblock %}",
    "{% autoescape true %}{{ html }}{{ html | safe }}{{ '<' ~ '>' }}{% endautoescape %}{{ html }}",
    "{% autoescape true %}{% set x %}<{{ html }}>{% endset %}{{ x }}{% endautoescape %}",
    "{% print i, s %}",
    "{% include 'x' %}",
    "{% extends 'x' %}",
    "{% import 'x' as y %}",
    "{% from 'x' import y %}",
    "{% do xs.append(1) %}",
    "{% nope %}",
    "{% endif %}",
    "{% if yes %}",
    "{% for x in xs %}{% endif %}",
    "{% if yes %}{% endfor %}",
    "{% for x xs %}{% endfor %}",
    "{% if %}{% endif %}",
    "{% set %}",
    "{% break %}",
    "{% macro m() %}{% break %}{% endmacro %}",
    "{% 1 %}",
    "{{ }}",
    "{{ 1 }} }} {{ 2 }}",
    "{{ '}}' }}{{ {'a': 1}['a'] }}",
    "{{ {'a': {'b': 1}} }}",
    "{% if no %}{{ x | nope }}{% endif %}ok",
    "{% if yes %}{{ i | nope }}{% endif %}ok",
    "{{ (s | nope) if no else 'fine' }}",
    "{% if no %}{% for x in xs %}{{ x | nope }}{% endfor %}{% endif %}ok",
    "{{ s | nope }}",
    "{% set g = xs | map('string') %}{{ g | list }}{{ g | list }}",
    "{% set g = xs | map('nope') %}ok",
    "{% set g = users | selectattr('age', 'gt', 26) %}{% for u in g %}{{ u.name }}{% endfor %}{{ g | list }}",
    "{% for m in messages %}{% if loop.first and m.role == 'system' %}<s>{{ m.content }}</s>{% elif m.role == 'user' %}[{{ m['content'] | trim }}]{% endif %}{% endfor %}",
    "{%- for message in messages -%}\n  {%- if message['role'] == 'user' -%}\n    {{ '<|user|>' + message['content'] + eos }}\n  {%- endif -%}\n{%- endfor -%}",
    "{% set c = cycler('a', 'b', 'c') %}{% for x in [1, 2, 3, 4] %}{{ c.next() }}{% endfor %}{% set _ = c.reset() %}{{ c.current }}",
    "{% set j = joiner('; ') %}{% for x in xs %}{{ j() }}{{ x }}{% endfor %}",
    "{% set x = {'a': 1} %}{% set x = dict(x, b=2) %}{{ x }}",
    "{% set args = [1, 2] %}{% set kw = {'b': 5} %}{% macro m(a, b, c=0) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ m(*args) }}{{ m(1, **kw) }}{{ m(*args, c=3) }}",
    "{{ dict(**{'a': 1}) }}{{ dict(a=1, **{'a': 2}) }}",
    "{% set t = (1, 2, 3) %}{{ t[0] }}{{ t[1:] }}{{ t | length }}",
    "{{ '%s' % (s,) }}{{ '%s-%s' % (1, 2) }}",
    "{{ [1, 2, 3][1:][0] }}{{ 'abc'[1:][::-1] }}",
    "{{ loop }}",
    "{% for x in xs %}{{ loop }}{% endfor %}",
    "{% set x = [] %}{% set x = x + [1] %}{% set x = x + [2] %}{{ x }}",
    "{% for x in range(3) %}{{ x }}{% endfor %}{% for x in range(3, 0, -1) %}{{ x }}{% endfor %}",
    "{% if s is string and s | length > 3 %}long{% endif %}",
    "{% if not (no or nothing) %}x{% endif %}",
    "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set sys = messages[0]['content'] %}{% else %}{% set rest = messages %}{% endif %}{{ sys }}{{ rest | length }}",
    "{%- set x = 1 -%}   {{ x }}  {%- set y = 2 %}\n{{ y }}",
    "  {% set x = 1 %}\n  {{ x }}\n",
    "{{ 1 }}{% if yes %} {% endif %}{{ 2 }}",
    "{{ 'a\nb' }}\n{% if yes %}\n\n{% endif %}\nc",
    "x{% if yes %}\n{% endif %}y",
    "\n\n{% if yes %}\nx{% endif %}",
    "\t{%- if yes %} a{% endif %}",
    "é{{ u }}é\n   {% if yes %}ü\n   {% endif %}",
    "{% macro a(x) %}{% for y in x %}{{ b(y) }}{% endfor %}{% endmacro %}{% macro b(z) %}<{{ z }}>{% endmacro %}{{ a(xs) }}",
    "{% set ns = namespace(found=false) %}{% for m in messages[::-1] %}{% if m.role == 'user' and not ns.found %}{% set ns.found = true %}{{ loop.index0 }}{% endif %}{% endfor %}{{ ns.found }}",
    "{{ '' if s is defined }}{{ 'x' if s is not defined }}",
    "{% for key in deep %}{{ key }}:{{ deep[key] | tojson }};{% endfor %}",
    "{% if 'tool_calls' in messages[2] and messages[2]['tool_calls'] %}{% for call in messages[2].tool_calls %}{{ call.function.name }}{{ call['function']['arguments'] | tojson(indent=2) }}{% endfor %}{% endif %}",
    "{{ raise_exception('line ' ~ i) }}",
    "\n\n{% if yes %}\n{{ raise_exception('on line 4') }}{% endif %}",
    "{%- if tools is defined %}t{% endif %}{% if tools %}x{% endif %}",
    "{% set content = 'a</think>b' %}{{ content.split('</think>')[-1].lstrip('\\n') }}{{ content.split('</think>')[0].rstrip().split('<think>')[-1] }}",
    "{% for x in xs %}{{ x }}{{ ', ' if not loop.last }}{% endfor %}",
    "{% for x in xs -%}\n  {{ x }}\n{%- endfor %}",
    "{% macro m(x) -%}\n  {{ x }}\n{%- endmacro %}[{{ m(1) }}]",
    "{% set a %}{% set b %}x{% endset %}{{ b }}y{% endset %}{{ a }}{{ b }}",
    "{% for i in xs %}{{ i }}{% endfor %}{{ i }}",
    "{% for x in xs %}{% if loop.index is divisibleby 2 %}{{ x }}{% endif %}{% endfor %}",
    "{{ xs | first if xs else 'none' }}",
    "{% for f in xs %}{{ f }}{% endfor %}{{ f }}",
    "{{ namespace(a=namespace(b=1)).a.b }}",
    "{% set ns = namespace(l=[]) %}{% for x in xs %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l | sum }}",
]

# Parts of random templates.
LITERALS = [
    '1', '0', '-2', '2.5', '"a"', "'b c'", '""', 'true', 'none', '[1, 2]', '["x", "A"]', '{"a": 1}', '(1, 2)', '[]',
    '{}', '3', '"héß"', '"12"', '" x "', '1e3', 'range(4)', '[[1, 2], [3]]', '"%s|%5.1f"',
]
FILTERS = [
    'upper', 'lower', 'title', 'capitalize', 'trim', 'length', 'first', 'last', 'list', 'sort', 'reverse',
    'reverse | list', 'join', 'join("-")', 'unique | list', 'string', 'int', 'float', 'abs', 'round', 'sum', 'min',
    'max', 'tojson', 'tojson(indent=2)', 'default("d")', 'default("d", true)', 'batch(2) | list', 'slice(2) | list',
    'map("upper") | list', 'map("string") | list', 'select | list', 'reject | list', 'select("defined") | list',
    'map(attribute="name") | list', 'selectattr("on") | list', 'groupby("age") | list', 'dictsort', 'items | list',
    'e', 'safe', 'replace("a", "Z")', 'indent(2)', 'center(9)', 'wordcount', 'truncate(6)', 'format(1, 2)',
    'urlencode', 'xmlattr', 'filesizeformat', 'sort(reverse=true)', 'sort(attribute="age")', 'int(5)', 'round(1)',
    'round(1, "floor")', 'count', 'attr("x")', 'string | length', 'map("length") | list', 'map("int") | sum',
    'select("string") | join(",")', 'select("number") | sum', 'reject("none") | list', 'forceescape',
    'map("first") | list', 'batch(3, 0) | list', 'slice(3, "f") | list', 'min(attribute="age")', 'd("q")',
]
TESTS = [
    'defined', 'undefined', 'none', 'string', 'number', 'integer', 'float', 'boolean', 'mapping', 'sequence',
    'iterable', 'odd', 'even', 'lower', 'upper', 'true', 'false', 'callable', 'escaped', 'divisibleby(2)', 'eq(1)',
    'in([1, "a"])', 'gt(1)', 'not none', 'not string', 'ne(1)', 'filter', 'test',
]
METHODS = [
    '.upper()', '.lower()', '.strip()', '.split()', '.split("a")', '.startswith("a")', '.endswith(("a", "b"))',
    '.replace("a", "bb")', '.items() | list', '.keys() | list', '.values() | list', '.get("a")', '.get("a", 3)',
    '.title()', '.capitalize()', '.find("a")', '.count("a")', '.join(["p", "q"])', '.isdigit()', '.isalpha()',
    '.isupper()', '.splitlines()', '.zfill(5)', '.center(8)', '.ljust(6)', '.format(1, 2)', '.index(1)',
    '.append(1)', '.pop()', '.rstrip("a")', '.rsplit(" ", 1)', '.partition("a")', '.swapcase()', '.casefold()',
    '.islower()', '.istitle()', '.isspace()', '.removeprefix("a")', '.expandtabs(2)', '.x', '.name', '["a"]', '[0]',
    '[-1]', '["x"]', '.a', '.0', '[none]', '.copy()',
]
OPERATORS = [
    '+', '-', '*', '/', '//', '%', '~', '==', '!=', '<', '>', '<=', '>=', 'and', 'or', 'in', 'not in',
]


class RandomTemplates:
    """Templates of a seed: expressions within expressions, and statements with all kinds of white space."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.names = [*VARIABLES, "undef", "tools"]

    def expression(self, depth):
        pick, roll = self.random.choice, self.random.random()
        inner = lambda: f"({self.expression(depth - 1)})"  # noqa: E731
        if depth <= 0 or roll < 0.18:
            return pick(self.names) if self.random.random() < 0.55 else pick(LITERALS)
        if roll < 0.45:
            return f"{inner()} | {pick(FILTERS)}"
        if roll < 0.62:
            return f"{inner()}{pick(METHODS)}"
        if roll < 0.82:
            return f"{inner()} {pick(OPERATORS)} {inner()}"
        if roll < 0.90:
            return f"{inner()} is {pick(TESTS)}"
        if roll < 0.95:
            return f"{inner()} if {inner()} else {inner()}"
        return pick([f"[{inner()}, {inner()}]", f"not {inner()}", f"-{inner()}"])

    def statement(self, depth):
        pick, roll = self.random.choice, self.random.random()
        sign = lambda: pick(["", "-", "", "+"])  # noqa: E731
        space = lambda: pick(["", "\n", "  ", "\n  ", " x ", "\n\n"])  # noqa: E731
        tag = lambda text: "{%" + sign() + f" {text} " + sign() + "%}" + space()  # noqa: E731
        if depth <= 0 or roll < 0.35:
            return space() + "{{" + pick(["", "-"]) + f" {self.expression(1)} " + pick(["", "-"]) + "}}" + space()
        if roll < 0.55:
            branches = [self.statement(depth - 1) for _ in range(2)]
            return space() + tag(f"if {self.expression(1)}") + branches[0] + tag("else") + branches[1] + tag("endif")
        if roll < 0.75:
            head = pick(["{{ loop.index }}", "{{ v }}", "{{ loop.last }}", ""])
            return space() + tag(f"for v in {self.expression(1)}") + head + self.statement(depth - 1) + tag("endfor")
        if roll < 0.85:
            return tag(f"set q = {self.expression(2)}") + "{{ q }}" + self.statement(depth - 1)
        return "{# c " + space() + pick(["", "-", "+"]) + "#}" + space() + self.statement(depth - 1)

    def template(self):
        if self.random.random() < 0.7:
            return "{{ " + self.expression(self.random.choice([1, 2, 2, 3])) + " }}"
        return self.statement(3)


def outcome(env, template):  # some filters of Jinja change lists in place, hence the copy
    try:
        return {"rendered": env.from_string(template).render(tools=None, documents=None, **copy.deepcopy(VARIABLES))}
    except jinja2.exceptions.TemplateError as error:
        raised = type(error) is jinja2.exceptions.TemplateError
        return {"error": {"raised": raised, "message": str(error)}}
    except Exception as error:  # whatever Python raises ends the template
        return {"error": {"raised": False, "message": str(error)}}


def main():
    env = environment()
    print(json.dumps({"variables": VARIABLES}, ensure_ascii=False))
    chance = RandomTemplates(seed=7)
    templates = ["{{ " + e + " }}" for e in EXPRESSIONS] + STATEMENTS + [chance.template() for _ in range(2000)]
    for template in templates:
        line = {"template": template, **outcome(env, template)}
        text = line.get("rendered", "")
        if " at 0x" not in text and "0000000000000" not in text and len(text) < 2000:  # no addresses, no integers beyond 64 bits
            print(json.dumps(line, ensure_ascii=False))


if __name__ == "__main__":
    sys.exit(main())
