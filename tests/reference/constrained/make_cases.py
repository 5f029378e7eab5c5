"""Writes cases.json: schemas and regular expressions with texts that meet them and texts that do not, as jsonschema and re say.

    pip install jsonschema && python make_cases.py
"""

import json
import pathlib
import re

import jsonschema

O = "object"


def obj(properties, required=None, **more):
    return {"type": O, "properties": properties, "required": list(properties) if required is None else required, **more}


S, I, N, B = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}
TREE = {
    "$defs": {"tree": obj({"value": I, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}})},
    "$ref": "#/$defs/tree",
}
LIST = {
    "definitions": {"node": {"anyOf": [{"type": "null"}, obj({"head": S, "tail": {"$ref": "#/definitions/node"}})]}},
    "$ref": "#/definitions/node",
}
SHAPES = {
    "oneOf": [
        obj({"kind": {"const": "circle"}, "radius": {"type": "number", "exclusiveMinimum": 0}}),
        obj({"kind": {"const": "box"}, "width": N, "height": N}),
    ]
}

# schema, texts that meet it and are written so, texts that do not meet it
SCHEMAS = [
    ("null", {"type": "null"}, ["null"], ["nul", "0", '""']),
    ("boolean", B, ["true", "false"], ["True", "1", "null"]),
    ("integer", I, ["0", "-12", "345"], ["1.5", "01", "-0.5", '"1"']),
    ("integer_range", {"type": "integer", "minimum": 10, "maximum": 99}, ["10", "42", "99"], ["9", "100", "-10", "10.5"]),
    ("integer_negative", {"type": "integer", "minimum": -15, "maximum": -3}, ["-15", "-3"], ["-16", "-2", "3", "0"]),
    ("integer_across_zero", {"type": "integer", "minimum": -3, "maximum": 12}, ["-3", "0", "12"], ["-4", "13"]),
    ("integer_exclusive", {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}, ["1", "2"], ["0", "3", "-1"]),
    ("integer_multiple", {"type": "integer", "multipleOf": 7, "minimum": 0}, ["0", "7", "49", "700"], ["6", "8", "-7"]),
    ("integer_multiples", {"type": "integer", "allOf": [{"multipleOf": 4}, {"multipleOf": 6}]}, ["0", "12", "-24"], ["4", "6", "18"]),
    ("integer_large_bound", {"type": "integer", "minimum": 1000000}, ["1000000", "23456789"], ["999999", "0", "-1000001"]),
    ("number", N, ["0", "-1.5", "3.25", "1e10", "2.5e-3"], ["abc", ".5", "1.", '"1"']),
    ("number_range", {"type": "number", "minimum": 0.5, "maximum": 2.75}, ["0.5", "1", "2.75", "2.7"], ["0.4999", "2.76", "3", "-1"]),
    ("number_exclusive", {"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 1}, ["0", "0.5", "-0.99"], ["1", "-1", "1.01"]),
    ("number_small_bounds", {"type": "number", "minimum": 1e-3, "maximum": 0.0015}, ["0.001", "0.0012"], ["0.0009", "0.0016", "1"]),
    ("number_negative", {"type": "number", "maximum": -2.5}, ["-2.5", "-3", "-10.25"], ["-2.4", "0", "3"]),
    ("string", S, ['""', '"a b"', '"\\"quoted\\" \\\\ \\n"', '"\u00e4\u4e2d\U0001f600"'], ["a", '"a', "1"]),
    ("string_lengths", {"type": "string", "minLength": 2, "maxLength": 4}, ['"ab"', '"\u4e2d\u4e2d\u4e2d\u4e2d"', '"\\n\\n"'], ['"a"', '"abcde"', '""']),
    ("string_min", {"type": "string", "minLength": 3}, ['"abc"', '"abcdefgh"'], ['"ab"']),
    ("string_pattern", {"type": "string", "pattern": "^[A-Z]{2}-\\d{3}$"}, ['"AB-123"'], ['"AB-12"', '"ab-123"', '"AB-1234"']),
    ("string_pattern_within", {"type": "string", "pattern": "cat|dog"}, ['"cat"', '"hot dogs"'], ['"cow"', '""']),
    ("string_pattern_and_length", {"type": "string", "pattern": "^a+b*$", "minLength": 3, "maxLength": 5}, ['"aab"', '"aaaaa"'], ['"ab"', '"aaaabb"', '"bbb"']),
    ("string_two_patterns", {"allOf": [{"type": "string", "pattern": "a"}, {"pattern": "^[abc]{2,3}$"}]}, ['"ab"', '"cca"'], ['"bb"', '"abcd"', '"a"']),
    ("string_pattern_escapes", {"type": "string", "pattern": "^\"[\\\\/]\n$"}, ['"\\"\\\\\\n"', '"\\"/\\n"'], ['"\\"x\\n"', '"\\\\"']),
    ("string_unicode_pattern", {"type": "string", "pattern": "^[\u00e4\u00f6\u00fc]+\u20ac$"}, ['"\u00e4\u00f6\u20ac"'], ['"a\u20ac"', '"\u20ac"']),
    ("date", {"type": "string", "format": "date"}, ['"2024-02-28"', '"1999-12-31"'], ['"1999"', '"2024-13-01"', '"2024-02-30"']),
    ("time", {"type": "string", "format": "time"}, ['"23:59:59Z"', '"00:00:00.5+02:00"'], ['"25:00:00Z"', '"noon"']),
    ("date_time", {"type": "string", "format": "date-time"}, ['"2024-02-28T12:30:00Z"'], ['"2024-02-28"']),
    ("uuid", {"type": "string", "format": "uuid"}, ['"01234567-89ab-cdef-0123-456789abcdef"'], ['"0123"']),
    ("ipv4", {"type": "string", "format": "ipv4"}, ['"127.0.0.1"', '"255.255.255.255"'], ['"256.0.0.1"', '"1.2.3"']),
    ("ipv6", {"type": "string", "format": "ipv6"}, ['"0:0:0:0:0:0:0:1"'], ['"12345::"']),
    ("email", {"type": "string", "format": "email"}, ['"a.b@mail.example.org"'], ['"nobody"']),
    ("enum", {"enum": ["red", "green", "blue"]}, ['"red"', '"blue"'], ['"yellow"', "red"]),
    ("enum_mixed", {"enum": [1, "1", None, True, 2.5, [1, 2], {"a": None}]}, ["1", '"1"', "null", "2.5", "[1,2]", '{"a":null}'], ["2", '"2"', "[2,1]"]),
    ("enum_and_type", {"type": "string", "enum": ["a", 1, "bb"], "minLength": 2}, ['"bb"'], ['"a"', "1"]),
    ("enum_escapes", {"enum": ["a\"b", "\u00fc\\", "line\nbreak"]}, ['"a\\"b"', '"\u00fc\\\\"', '"line\\nbreak"'], ['"a"']),
    ("const", {"const": {"a": [1, None]}}, ['{"a":[1,null]}'], ['{"a":[1]}', "null"]),
    ("types", {"type": ["string", "null", "integer"]}, ['"x"', "null", "5"], ["true", "1.5", "[]"]),
    ("array", {"type": "array", "items": I}, ["[]", "[1]", "[1, 2,3]", "[\n  1,\n  2\n]"], ["[1,]", "[,1]", '["a"]', "[1"]),
    ("array_counts", {"type": "array", "items": B, "minItems": 2, "maxItems": 3}, ["[true,false]", "[true,true,true]"], ["[]", "[true]", "[true,true,true,true]"]),
    ("array_max_only", {"type": "array", "items": I, "maxItems": 2}, ["[]", "[1,2]"], ["[1,2,3]"]),
    ("array_prefix", {"type": "array", "prefixItems": [S, I], "items": False, "minItems": 2}, ['["a",1]'], ['["a"]', '["a",1,2]', '[1,"a"]']),
    ("array_prefix_rest", {"type": "array", "prefixItems": [S], "items": I, "minItems": 1}, ['["a"]', '["a",1,2]'], ["[]", '["a","b"]']),
    ("array_nested", {"type": "array", "items": {"type": "array", "items": N, "minItems": 1}}, ["[]", "[[1],[2,3.5]]"], ["[[]]", "[1]"]),
    ("array_any", {"type": "array", "maxItems": 3}, ['[1,"a",{"b":[]}]', "[null]"], ["[1,2,3,4]"]),
    ("array_of_enum", {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1}, ['["a","b","a"]'], ['["c"]', "[]"]),
    ("array_large_count", {"type": "array", "items": {"const": 0}, "maxItems": 100000}, ["[0,0,0]", "[]"], ["[1]"]),
    ("object", obj({"name": S, "age": I}), ['{"name":"x","age":3}', '{"name": "x", "age": 3}', '{\n  "name": "x",\n  "age": 3\n}'], ['{"name":"x"}', '{"name":1,"age":3}', "{}"]),
    ("object_optional", obj({"a": I, "b": I, "c": I}, ["b"]), ['{"b":1}', '{"a":1,"b":2}', '{"b":1,"c":2}', '{"a":1,"b":2,"c":3}'], ["{}", '{"a":1}', '{"b":"x"}']),
    ("object_all_optional", obj({"a": I, "b": S}, [], additionalProperties=False), ["{}", '{"a":1}', '{"b":"x"}', '{"a":1,"b":""}'], ['{"c":1}', '{"a":"x"}']),
    ("object_nested", obj({"user": obj({"id": I, "tags": {"type": "array", "items": S}}), "ok": B}), ['{"user":{"id":1,"tags":["a"]},"ok":true}'], ['{"user":{"id":1},"ok":true}', '{"ok":true}']),
    ("object_escaped_names", obj({"a\"b": I, "\u00fc \\": I}), ['{"a\\"b":1,"\u00fc \\\\":2}'], ['{"ab":1}']),
    ("object_map", {"type": O, "additionalProperties": I}, ["{}", '{"x":1,"y z":2}'], ['{"x":"a"}', "[]"]),
    ("object_map_counts", {"type": O, "additionalProperties": I, "minProperties": 1, "maxProperties": 2}, ['{"x":1}', '{"x":1,"y":2}'], ["{}", '{"x":1,"y":2,"z":3}']),
    ("object_counts", obj({"a": I, "b": I, "c": I}, [], minProperties=1, maxProperties=2, additionalProperties=False), ['{"a":1}', '{"b":1,"c":2}'], ["{}", '{"a":1,"b":2,"c":3}']),
    ("object_named_and_more", obj({"id": I}, additionalProperties=S), ['{"id":1}', '{"id":1,"x":"y"}'], ['{"x":"y"}', '{"id":"a"}', '{"id":1,"x":2}']),
    ("object_patterns", {"type": O, "patternProperties": {"^n_": N, "^s_": S}, "additionalProperties": False}, ["{}", '{"n_1":2.5,"s_a":"b"}'], ['{"n_1":"x"}', '{"other":1}']),
    ("object_pattern_and_named", {"type": O, "properties": {"x1": {"minimum": 5}}, "patternProperties": {"^x": I}, "required": ["x1"]}, ['{"x1":5}', '{"x1":7,"x2":1}'], ['{"x1":4}', '{"x1":"a"}', "{}"]),
    ("object_property_names", {"type": O, "propertyNames": {"pattern": "^[a-z]{1,3}$"}, "additionalProperties": B}, ["{}", '{"ab":true}'], ['{"abcd":true}', '{"A":true}']),
    ("object_required_unnamed", {"type": O, "required": ["a"]}, ['{"a":1}', '{"a":{"b":[]}}'], ["{}", '{"b":1}']),
    ("object_free", {"type": O}, ["{}", '{"a":null,"b":[1,{"c":2.5}]}'], ["[]", '{"a"}', "{a:1}"]),
    ("json_anything", {}, ["null", "[1]", '{"a":{}}', '"x"', "-1.5"], ["nil", "{", "[1,,2]"]),
    ("true_schema_items", {"type": "array", "items": True, "minItems": 1}, ['[{"a":1}]'], ["[]"]),
    ("any_of", {"anyOf": [I, {"type": "string", "maxLength": 2}]}, ["5", '"ab"'], ['"abc"', "null"]),
    ("any_of_objects", {"anyOf": [obj({"a": I}), obj({"b": S, "c": B})]}, ['{"a":1}', '{"b":"","c":true}'], ['{"b":""}', "{}"]),
    ("any_of_and_siblings", {"type": O, "properties": {"k": S}, "required": ["k"], "anyOf": [{"properties": {"a": I}, "required": ["a"]}, {"properties": {"b": I}, "required": ["b"]}]}, ['{"k":"x","a":1}', '{"k":"x","b":1}'], ['{"k":"x"}', '{"a":1}']),
    ("one_of_types", {"oneOf": [I, S, {"type": "array", "items": I}]}, ["1", '"a"', "[1]"], ["1.5", "null"]),
    ("one_of_ranges", {"type": "integer", "oneOf": [{"maximum": 3}, {"minimum": 10, "maximum": 12}]}, ["3", "-5", "11"], ["4", "13"]),
    ("one_of_constants", SHAPES, ['{"kind":"circle","radius":1.5}', '{"kind":"box","width":1,"height":2}'], ['{"kind":"circle"}', '{"kind":"cone","radius":1}', '{"kind":"circle","radius":0}']),
    ("one_of_required", {"oneOf": [obj({"a": I}, additionalProperties=False), obj({"b": I}, additionalProperties=False)]}, ['{"a":1}', '{"b":1}'], ['{"a":1,"b":2}', "{}"]),
    ("all_of", {"allOf": [obj({"a": I}), obj({"b": S})]}, ['{"a":1,"b":"x"}'], ['{"a":1}', '{"b":"x"}']),
    ("all_of_bounds", {"allOf": [{"type": "number", "minimum": 1}, {"type": "integer", "maximum": 4}]}, ["1", "4"], ["0", "5", "1.5"]),
    ("ref", {"$defs": {"p": obj({"x": N, "y": N})}, "type": "array", "items": {"$ref": "#/$defs/p"}}, ["[]", '[{"x":1,"y":-2.5}]'], ['[{"x":1}]']),
    ("ref_siblings", {"$defs": {"n": {"type": "integer", "minimum": 3}}, "$ref": "#/$defs/n", "maximum": 5}, ["3", "5"], ["2", "6"]),
    ("ref_recursive_tree", TREE, ['{"value":1,"children":[]}', '{"value":1,"children":[{"value":2,"children":[]}]}'], ['{"value":1}', '{"value":1,"children":[1]}']),
    ("ref_recursive_list", LIST, ["null", '{"head":"a","tail":null}', '{"head":"a","tail":{"head":"b","tail":null}}'], ['{"head":"a"}', '{"head":"a","tail":1}']),
    ("ref_root", {"type": O, "properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]}, ['{"next":null}', '{"next":{"next":null}}'], ["{}", '{"next":1}']),
    ("ref_escaped_pointer", {"$defs": {"a/b~c": B}, "$ref": "#/$defs/a~1b~0c"}, ["true"], ["1"]),
    ("untyped_keywords", {"minLength": 1, "pattern": "^x"}, ['"xy"'], ['"y"']),
    ("annotations", {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "T", "description": "D", "default": 1, "type": "integer", "examples": [2]}, ["7"], ['"7"']),
    ("recipe", obj({"title": {"type": "string", "minLength": 1, "maxLength": 30}, "minutes": {"type": "integer", "minimum": 1, "maximum": 240}, "steps": {"type": "array", "items": obj({"do": S, "with": {"type": "array", "items": {"enum": ["pan", "pot", "oven"]}, "maxItems": 2}}, ["do"]), "minItems": 1, "maxItems": 4}, "rating": {"type": ["number", "null"], "minimum": 0, "maximum": 5}}), ['{"title":"Soup","minutes":20,"steps":[{"do":"boil","with":["pot"]}],"rating":4.5}', '{"title":"Soup","minutes":20,"steps":[{"do":"boil"}],"rating":null}'], ['{"title":"","minutes":20,"steps":[{"do":"boil"}],"rating":null}', '{"title":"Soup","minutes":0,"steps":[{"do":"boil"}],"rating":1}', '{"title":"Soup","minutes":20,"steps":[],"rating":1}']),
]

# pattern, texts that it describes as a whole, texts that it does not
REGEXES = [
    ("abc", ["abc"], ["ab", "abcd"]),
    ("[a-z]+", ["a", "xyz"], ["", "A", "a1"]),
    ("[^a-z]{2}", ["A1", "\u00e4\u00f6"], ["ab", "A"]),
    ("(yes|no|maybe)", ["yes", "maybe"], ["y", "yesno"]),
    ("a*b+c?", ["b", "aabbc"], ["a", "abcc"]),
    ("\\d{3}-\\d{4}", ["555-0199"], ["5555-019"]),
    ("\\w+@\\w+\\.(com|org)", ["a_1@b.org"], ["a@b.net"]),
    ("(\\+\\d{1,3} )?\\d{6,10}", ["+49 1234567", "123456"], ["+4912345"]),
    ("[01]{8}", ["01100101"], ["0110010", "01100102"]),
    ("#[0-9a-fA-F]{6}", ["#00fF9a"], ["#00ff9"]),
    ("(a|b)*abb", ["abb", "babaabb"], ["ab", "abba"]),
    ("((25[0-5]|2[0-4]\\d|1?\\d?\\d)(\\.|$)){4}", ["1.2.3.4", "255.0.10.199"], ["1.2.3", "256.1.1.1"]),
    ("(19|20)\\d\\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])", ["2024-02-30"], ["2024-13-01"]),
    ("[\u00e4\u00f6\u00fc\u00df]{2,3}", ["\u00e4\u00df"], ["ae", "\u00e4"]),
    ("[\u4e00-\u9fff]+\u3002", ["\u4e2d\u6587\u3002"], ["\u4e2d\u6587", "abc\u3002"]),
    ("\U0001f600+", ["\U0001f600\U0001f600"], [""]),
    ("(?:ab){2,}", ["abab", "ababab"], ["ab"]),
    ("x{0,3}y{2}", ["yy", "xxxyy"], ["xxxxyy", "y"]),
    ("^start.*end$", ["startend", "start 1 2 end"], ["start end!", "a startend"]),
    ("(?P<word>[A-Z][a-z]*)( [A-Z][a-z]*)*", ["Once Upon A Time"], ["once", "Once  Upon"]),
    ("(?i:hello) World", ["HELLO World", "hello World"], ["hello world"]),
    ("(?i)abc[d-f]", ["ABCD", "abcF"], ["abcg"]),
    ("\\s*\\S+\\s*", ["  x ", "word"], ["", "a b"]),
    ("[\\w.-]+", ["a.b-c_1"], ["a b"]),
    ("[^\\d\\s]+", ["abc!"], ["a1", "a b"]),
    ("\\(\\d+, ?\\d+\\)", ["(1,2)", "(10, 20)"], ["(1 2)"]),
    ("(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day", ["Monday", "Saturday"], ["Moonday"]),
    ("-?(0|[1-9]\\d*)(\\.\\d+)?([eE][+-]?\\d+)?", ["-1.5e10", "0"], ["01", "1."]),
    ("[a-c]*?d", ["d", "abcd"], ["abc"]),
    ("\\x41\\u0042C", ["ABC"], ["abc"]),
    ("a{3}|b{4}|", ["", "aaa", "bbbb"], ["aa", "aaab"]),
    ("(once|twice) upon a (time|place)(, there (was|lived) a (cat|dog|child))?\\.", ["once upon a time.", "twice upon a place, there lived a cat."], ["once upon a time, there was."]),
    ("\\[(\\d(, \\d)*)?\\]", ["[]", "[1, 2]"], ["[1,]"]),
    (".", ["a", "\u20ac"], ["", "ab", "\n"]),
    ("[\\]\\\\^-]+", ["]\\^-"], ["a"]),
]


def is_valid(schema, text):
    try:
        value = json.loads(text)
    except ValueError:
        return False
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    return jsonschema.Draft202012Validator(schema, format_checker=checker).is_valid(value)


def main():
    cases = {"schemas": [], "regexes": []}
    for name, schema, good, bad in SCHEMAS:
        jsonschema.Draft202012Validator.check_schema(schema)
        for text in good:
            assert is_valid(schema, text), (name, text)
        for text in bad:
            assert not is_valid(schema, text), (name, text)
        cases["schemas"].append({"name": name, "schema": schema, "valid": good, "invalid": bad})
    for pattern, good, bad in REGEXES:
        for text in good:
            assert re.fullmatch(pattern, text), (pattern, text)
        for text in bad:
            assert not re.fullmatch(pattern, text), (pattern, text)
        cases["regexes"].append({"pattern": pattern, "valid": good, "invalid": bad})
    path = pathlib.Path(__file__).parent / "cases.json"
    path.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(len(cases["schemas"]), "schemas,", len(cases["regexes"]), "regular expressions")


if __name__ == "__main__":
    main()
