//! Blocks.

use super::*;

#[test]
fn blocks_have_locals_branches_and_returns() {
    let cases = [
        ("@{ return 1; }", "1"),
        ("@{ var a = 1; a = a + 1; a += 2; return a * 2; }", "8"),
        (
            "@{ string s; if (true) { s = \"a\"; } else { s = \"b\"; } return s; }",
            "a",
        ),
        (
            "@{ if (context.Request.Method == \"POST\") return \"p\"; else if (1 < 2) return \"l\"; return \"x\"; }",
            "l",
        ),
        (
            "@{ string[] parts = \"a b\".Split(' '); return parts[1]; }",
            "b",
        ),
        (
            "@{ int? n = context.Response?.StatusCode; return n ?? 0; }",
            "404",
        ),
        ("@{ double d = 1; return d / 2; }", "0.5"),
        ("@{ { var a = 1; } { var a = 2; return a; } }", "2"),
        (
            "@{ var h = context.Request.Headers; return h.ContainsKey(\"X-One\") ? \"y\" : \"n\"; }",
            "y",
        ),
        ("@{ ; return null; }", "<null>"),
        (
            "@{ var jwt = context.Request.Headers.GetValueOrDefault(\"Authorization\").AsJwt();\n\
          // a comment with \"quotes\" and } brackets\n\
          if (jwt == null) { return \"anonymous\"; }\n return jwt.Subject; }",
            "alice",
        ),
        (
            "@{ var a=1; var b=2; var c=3; var d=4; var e=5; return $\"{a}{b}{c}{d}{e}\"; }",
            "12345",
        ),
        ("@{ object o = 1; return (int)o + 1; }", "2"),
        ("@{ string x = null; return x ?? \"d\"; }", "d"),
    ];
    for (expression, expected) in cases {
        assert_eq!(text(expression), expected, "{expression}");
    }
}

#[test]
fn blocks_are_checked_at_load() {
    let cases = [
        (
            "@{ }",
            "1:7: not every path through the block returns a value",
        ),
        (
            "@{ if (true) { return 1; } }",
            "1:31: not every path through the block returns a value",
        ),
        (
            "@{ string s; return s; }",
            "1:24: the local `s` may have no value yet",
        ),
        (
            "@{ string s; if (true) { s = \"a\"; } return s; }",
            "1:47: the local `s` may have no value yet",
        ),
        (
            "@{ var a = null; return a; }",
            "1:7: `var` needs a value that has a type",
        ),
        (
            "@{ var a = 1; var a = 2; return a; }",
            "1:22: there is a `a` already",
        ),
        (
            "@{ int a = \"x\"; return a; }",
            "1:15: int is needed here, and this is string",
        ),
        ("@{ a = 1; return a; }", "1:7: `a` is not known"),
        ("@{ return; }", "1:7: `return` needs a value"),
        (
            "@{ return 1 }",
            "1:16: the expression ends too early: `;` is needed after `return`",
        ),
        (
            "@{ context.Request.Method = \"x\"; return 1; }",
            "1:7: this is no statement",
        ),
        ("@{ for (;;) {} return 1; }", "1:7: `for` is not supported"),
        (
            "@{ try { return 1; } catch { return 2; } }",
            "1:7: `try` is not supported",
        ),
        (
            "@{ int F(int x) { return x; } return F(1); }",
            "1:11: local functions are not supported",
        ),
        (
            "@{ int a = 1, b = 2; return a; }",
            "1:16: several locals in one declaration are not supported",
        ),
        (
            "@{ if (1) { return 1; } return 2; }",
            "1:11: a condition is true or false, and this is int",
        ),
    ];
    all_refused(&cases);
}
