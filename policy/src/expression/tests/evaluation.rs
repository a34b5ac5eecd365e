//! Literals, operators, strings, conversions.

use super::*;

#[track_caller]
fn all(cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        assert_eq!(text(expression), *expected, "{expression}");
    }
}

#[test]
fn literals_have_their_c_sharp_values() {
    all(&[
        (r#""a\tb\"c\\\u0041\x41""#, "a\tb\"c\\AA"),
        (r#"@"c:\x ""q""""#, r#"c:\x "q""#),
        ("@\"two\nlines\"", "two\nlines"),
        (r"'\''", "'"),
        (r#"'"'"#, "\""),
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        ("0x1F", "31"),
        ("0b101", "5"),
        ("1_000L", "1000"),
        ("1.5", "1.5"),
        (".5", "0.5"),
        ("1e3", "1000"),
        ("2d", "2"),
        ("true", "True"),
        ("null", "<null>"),
    ]);
}

#[test]
fn interpolated_strings_hold_code() {
    all(&[
        (r#"$"a{1+1}b""#, "a2b"),
        (r#"$"{{{1}}}""#, "{1}"),
        (r#"$"Bearer {context.Variables["text"]}""#, "Bearer hello"),
        (r#"$"{$"{"in"}"}""#, "in"),
        (r#"$"{(true ? "a:b" : "c")}""#, "a:b"),
        (r#"$@"c:\{1}""""#, r#"c:\1""#),
        (r#"@$"{"x"}""#, "x"),
        (r#"$"{context.Request.Method}{null}""#, "GET"),
        (r#"$"{'}'}""#, "}"),
        (r#"$"""#, ""),
    ]);
}

#[test]
fn operators_have_their_precedence_and_types() {
    all(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7 / 2.0", "3.5"),
        ("1 + 2 + \"a\"", "3a"),
        ("\"a\" + 1 + 2", "a12"),
        ("\"a\" + null + 'c' + true + 1.50", "acTrue1.5"),
        ("'a' + 1", "98"),
        ("1 - 2 - 3", "-4"),
        ("2 < 3 == true", "True"),
        ("1 == 1.0", "True"),
        ("'a' == 97", "True"),
        ("true || false && false", "True"),
        ("false ? 1 : true ? 2 : 3", "2"),
        ("null ?? null ?? \"x\"", "x"),
        ("!true || !false", "True"),
        ("6 & 3 | 8 ^ 1", "11"),
        ("true & false", "False"),
        ("- -1", "1"),
        ("~0", "-1"),
        ("true ? 1 : 2.5", "1"),
        ("(true ? 1 : 2.5) / 2", "0.5"),
        ("\"a\" == \"a\"", "True"),
        ("\"a\" != null", "True"),
        ("1 /* one */ + // two\n 2", "3"),
        ("1 < 2 ? \"<\" : \">\"", "<"),
    ]);
}

#[test]
fn the_right_side_is_evaluated_only_if_needed() {
    all(&[
        ("false && int.Parse(\"x\") == 1", "False"),
        ("true || int.Parse(\"x\") == 1", "True"),
        ("\"a\" ?? context.Response.Headers[\"none\"][0]", "a"),
        ("true ? 1 : int.Parse(\"x\")", "1"),
    ]);
}

#[test]
fn string_members() {
    all(&[
        ("\"héllo\".Length", "5"),
        ("\"\u{1f600}\".Length", "2"),
        ("\"aBc\".ToUpper() + \"aBc\".ToLowerInvariant()", "ABCabc"),
        (
            "\" a \".Trim() + \"|\" + \" a \".TrimEnd() + \"|\"",
            "a| a|",
        ),
        ("\"/a/\".Trim('/')", "a"),
        ("\"xaxy\".TrimStart('x', 'a')", "y"),
        ("\"hello\".Substring(1)", "ello"),
        ("\"hello\".Substring(1, 3)", "ell"),
        ("\"hello\".Substring(5)", ""),
        (
            "\"hello\".Remove(2) + \"hello\".Remove(1, 3) + \"ho\".Insert(1, \"ell\")",
            "hehohello",
        ),
        ("\"straße\".ToUpper()", "STRAßE"),
        ("\"Hello\".Contains(\"ell\")", "True"),
        ("\"Hello\".StartsWith(\"he\")", "False"),
        (
            "\"Hello\".StartsWith(\"he\", StringComparison.OrdinalIgnoreCase)",
            "True",
        ),
        (
            "\"Hello\".EndsWith(\"LO\", StringComparison.InvariantCultureIgnoreCase)",
            "True",
        ),
        (
            "\"Hello\".Contains(\"ELL\", StringComparison.OrdinalIgnoreCase)",
            "True",
        ),
        (
            "\"ÄÖ\".IndexOf(\"ö\", StringComparison.OrdinalIgnoreCase)",
            "1",
        ),
        ("\"hello\".IndexOf(\"l\") + \"hello\".IndexOf('z')", "1"),
        ("\"hello\".IndexOf(\"l\", 3)", "3"),
        ("\"hello\".LastIndexOf('l')", "3"),
        ("\"a-b\".Replace(\"-\", \"+\").Replace('a', 'z')", "z+b"),
        ("\"a-b\".Replace(\"-\", null)", "ab"),
        ("\"a,b,,c\".Split(',')[2] + \"a,b\".Split(',').Length", "2"),
        ("\"a b;c\".Split(' ', ';')[2]", "c"),
        ("\"a--b\".Split(\"--\")[1]", "b"),
        ("\"a\\tb c\".Split().Length", "3"),
        ("\"abc\"[1]", "b"),
        (
            "\"a\".Equals(\"A\", StringComparison.OrdinalIgnoreCase)",
            "True",
        ),
        ("\"a\".Equals(null)", "False"),
        (
            "\"7\".PadLeft(3, '0') + \"7\".PadRight(3) + \"|\"",
            "0077  |",
        ),
        ("string.IsNullOrEmpty(null)", "True"),
        ("string.IsNullOrWhiteSpace(\" \\t\")", "True"),
        ("String.Format(\"{1}-{0}{{}}\", 1, \"a\")", "a-1{}"),
        ("string.Join(\",\", \"a b\".Split(' '))", "a,b"),
        ("string.Join(\"-\", 1, \"b\", true)", "1-b-True"),
        ("string.Concat(\"a\", 1, null)", "a1"),
        ("string.Equals(null, null)", "True"),
        (
            "string.Equals(\"A\", \"a\", StringComparison.OrdinalIgnoreCase)",
            "True",
        ),
        ("string.Empty", ""),
        ("\"abc\".ToString().Equals(\"abc\")", "True"),
        ("\"a,b\".Split(',').Contains(\"b\")", "True"),
        (
            "\"a,b\".Split(',').First() + \"a,b\".Split(',').Last() + \"a\".Split(',').Count()",
            "ab1",
        ),
        ("\"a\".Split(',').Any()", "True"),
    ]);
}

#[test]
fn conversions() {
    all(&[
        ("int.Parse(\" 42 \") + 1", "43"),
        ("long.Parse(\"3000000000\")", "3000000000"),
        ("double.Parse(\"1.5\")", "1.5"),
        ("bool.Parse(\"TRUE\")", "True"),
        (
            "Convert.ToInt32(\"7\") + Convert.ToInt32(null) + Convert.ToInt32(true) + Convert.ToInt32(2.5)",
            "10",
        ),
        ("Convert.ToString(12) + Convert.ToBoolean(1)", "12True"),
        ("(int)2.9", "2"),
        ("(double)1 / 2", "0.5"),
        ("(char)65", "A"),
        ("(int)'A'", "65"),
        ("(string)null", "<null>"),
        ("(object)\"x\"", "x"),
        ("Math.Max(1, 2) + Math.Min(1.5, 2) + Math.Abs(-1)", "4.5"),
        (
            "Guid.Parse(\"00000000-0000-0000-0000-000000000000\") == Guid.Empty",
            "True",
        ),
        ("Uri.EscapeDataString(\"a b/ü~\")", "a%20b%2F%C3%BC~"),
        ("Uri.UnescapeDataString(\"a%20b+\")", "a b+"),
        ("int.MaxValue", "2147483647"),
        (
            "true.ToString() + 1.ToString() + 1.50.ToString()",
            "True11.5",
        ),
    ]);
    assert_ne!(text("Guid.NewGuid()"), text("Guid.NewGuid()"));
}

#[test]
fn exceptions_say_what_and_where_but_no_value() {
    let cases = [
        (
            "int.Parse(\"x\")",
            "the text does not read as a whole number",
        ),
        ("int.Parse(\"3000000000\")", "the number is out of range"),
        ("1 / (2 - 2)", "division by zero"),
        ("long.MaxValue + 1", "the number is out of range"),
        ("-(long.MinValue)", "the number is out of range"),
        ("long.MinValue / -1", "the number is out of range"),
        ("(int)1e300", "the number is out of range"),
        (
            "\"abc\".Substring(4)",
            "the index or length is out of range",
        ),
        (
            "\"abc\".Substring(1, 3)",
            "the index or length is out of range",
        ),
        (
            "\"abc\".Substring(-1)",
            "the index or length is out of range",
        ),
        (
            "\"\u{1f600}\".Substring(1)",
            "the index or length is out of range",
        ),
        ("\"abc\"[3]", "the index or length is out of range"),
        ("\"a\".Split(',')[1]", "the index or length is out of range"),
        ("((string)null).Length", "the value before `Length` is null"),
        (
            "\"a\".Contains((string)null)",
            "null where a string is needed",
        ),
        (
            "(int)context.Variables[\"text\"]",
            "a value of type string where int is needed",
        ),
        (
            "(int)context.Variables[\"nothing\"]",
            "null where a number is needed",
        ),
        (
            "context.Variables[\"absent\"]",
            "the given key is not present",
        ),
        (
            "bool.Parse(\"yes\")",
            "the text does not read as true or false",
        ),
        (
            "\"a\".Replace(\"\", \"b\")",
            "the text does not read as a text to replace, which cannot be empty",
        ),
        ("\"x\".PadLeft(2000000)", "the text is longer than 1 MiB"),
        (
            "\"aa\".PadLeft(1000000).Replace(\" \", \"0123456789\")",
            "the text is longer than 1 MiB",
        ),
        (
            "\"a\".PadLeft(20000).Split(' ')",
            "the list has more than 10000 elements",
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(fault(expression), expected, "{expression}");
    }
    let error = try_eval("1 +\n  int.Parse(\"secret\")").unwrap_err();
    assert_eq!(
        error.to_string(),
        "test.xml:2:7: the text does not read as a whole number"
    );
}

#[test]
fn what_is_the_same_for_every_request_is_computed_once() {
    let constant = |expression: &str| parse(expression).unwrap().constant().cloned();
    assert_eq!(
        constant("@(\"a\" + 1 + \"b\".ToUpper())"),
        Some(Value::from("a1B"))
    );
    assert_eq!(constant("@(2 * 3)"), Some(Value::Int(6)));
    assert_eq!(constant("@(context.Request.Method)"), None);
    assert_eq!(constant("@(Guid.NewGuid())"), None);
    assert_eq!(constant("@(int.Parse(\"x\"))"), None);
}
