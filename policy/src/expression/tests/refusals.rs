//! What is refused at load, where, and with what help.

use super::*;
use crate::xml::NamedValue;

#[track_caller]
fn refused(expression: &str, expected: &str) {
    let errors = parse(expression).expect_err(expression);
    assert_eq!(errors, expected, "{expression}");
}

#[test]
fn unknown_members_are_refused_with_what_there_is() {
    refused(
        "@(context.Request.Metod)",
        "1:22: context.Request has no member `Metod`\n    did you mean `Method`? context.Request has: Method, IpAddress, \
         Headers, Url, OriginalUrl, MatchedParameters, Certificate",
    );
    refused(
        "@(context.Request.Body.As<string>())",
        "1:22: `Body` of context.Request is not supported\n    bodies cannot be read: they are streamed, never held in memory",
    );
    refused(
        "@(context.Request.MatchedParameters(\"id\"))",
        "1:22: `MatchedParameters` is a property, not a method\n    write MatchedParameters[…] or \
         MatchedParameters.GetValueOrDefault(…)",
    );
    refused(
        "@(\"a\".ToUpper)",
        "1:10: `ToUpper` is a method\n    call it: ToUpper()",
    );
    refused(
        "@(\"a\".Substring(\"x\"))",
        "1:10: `Substring` does not take (string)\n    it takes: Substring(int) or Substring(int, int)",
    );
    refused(
        "@(context.Variables[\"x\"].Length)",
        "1:29: object has no member `Length`\n    cast it to its type first, as in ((string)context.Variables[\"name\"]).Length",
    );
}

#[test]
fn every_error_of_an_expression_is_reported() {
    let errors = parse("@(context.Foo + context.Bar)").unwrap_err();
    assert_eq!(
        errors.lines().filter(|line| !line.starts_with(' ')).count(),
        2,
        "{errors}"
    );
}

#[test]
fn what_c_sharp_has_and_this_has_not_is_named() {
    let cases = [
        (
            "@(\"a b\".Split(' ').Select(x => x))",
            "1:32: lambdas are not supported",
        ),
        ("@(new Random())", "1:6: objects cannot be created"),
        (
            "@(1.5m)",
            "1:6: decimal numbers are not supported: leave the suffix `m` out",
        ),
        (
            "@($\"{1:N2}\")",
            "1:10: formats in interpolated strings are not supported",
        ),
        (
            "@((IResponse)context.Variables[\"r\"])",
            "1:7: `IResponse` is no type known here",
        ),
        (
            "@(context.Variables.TryGetValue(\"x\", out y))",
            "1:41: `out` arguments are not supported: use ContainsKey or GetValueOrDefault",
        ),
        ("@(DateTime.UtcNow)", "1:6: `DateTime` is not known"),
        ("@(a++)", "1:7: `++` and `--` are not supported"),
        ("@(x is not null)", "1:11: `is not` is not part of C# 7"),
        (
            "@(string.Format(\"{0:N}\", 1))",
            "1:20: bad format: `{0}` is the first argument, braces are written twice, alignment and formats are not supported",
        ),
        (
            "@(string.Format(\"{1}\", 1))",
            "1:20: the format names an argument that is not given",
        ),
        (
            "@(context.Request.Headers)",
            "1:6: the expression yields IReadOnlyDictionary<string, string[]>, which no policy can use",
        ),
        (
            "@(\"a\" + context.Request)",
            "1:10: `+` cannot be used between string and context.Request",
        ),
        (
            "@(\"a\" - 1)",
            "1:10: `-` cannot be used between string and int",
        ),
        (
            "@(\"a\" == 1)",
            "1:10: `==` cannot be used between string and int",
        ),
        (
            "@(context.Variables[\"n\"] + 1)",
            "1:29: `+` cannot be used between object and int",
        ),
        ("@((int)\"5\")", "1:6: string cannot be cast to int"),
        (
            "@(1 ? 2 : 3)",
            "1:6: a condition is true or false, and this is int",
        ),
        (
            "@(true ? \"a\" : 1)",
            "1:6: `? :` cannot choose between string and int",
        ),
        (
            "@(context.Variables.GetValueOrDefault(\"x\"))",
            "1:24: the type of the variable is needed",
        ),
        (
            "@(string)",
            "1:6: `string` is a type: a member is needed after it",
        ),
        (
            "@(\"a\".Substring(startIndex: 1))",
            "1:20: named arguments are not supported",
        ),
        (
            "@(true ? context : 1)",
            "1:6: `? :` cannot choose between context and int",
        ),
        ("@(foo(1))", "1:6: `foo` cannot be called"),
    ];
    all_refused(&cases);
}

#[test]
fn broken_syntax_is_placed() {
    let cases = [
        (
            "@()",
            "1:6: the expression ends too early: a value is needed here",
        ),
        (
            "@(1 +)",
            "1:9: the expression ends too early: a value is needed here",
        ),
        (
            "@(1 2)",
            "1:8: unexpected `2`: an operator or the end of the expression is needed here",
        ),
        ("@(1;)", "1:7: `;` in an expression"),
        (
            "@(\"a\".)",
            "1:10: the expression ends too early: a member's name is needed after `.`",
        ),
        ("@(a = 1)", "1:8: an assignment cannot stand here"),
        (
            "@(\"\\q\")",
            "1:7: unknown escape: write `\\\\` for a backslash, or @\"…\" for a string without escapes",
        ),
        (
            "@('ab')",
            "1:6: a character literal holds one character; a text stands in double quotes",
        ),
        (
            "@(99999999999999999999)",
            "1:6: this number is not one from 0 to 9223372036854775807",
        ),
        ("@(#)", "1:6: this character means nothing in an expression"),
        (
            "@($\"}\")",
            "1:8: a `}` that closes nothing: in an interpolated string a brace is written twice",
        ),
        ("@(1\n +\n  oops)", "3:3: `oops` is not known"),
        (
            "@(true ? 1)",
            "1:14: the expression ends too early: `:` is needed between the two values of `? :`",
        ),
    ];
    all_refused(&cases);
}

#[test]
fn depth_is_bounded() {
    let nested = format!("@({}1{})", "(".repeat(150), ")".repeat(150));
    assert!(parse(&nested).unwrap_err().contains("nested too deeply"));
    let chain = format!("@(1{})", " + 1".repeat(1000));
    assert!(parse(&chain).unwrap_err().contains("nested too deeply"));
    let signs = format!("@({}1)", "- ".repeat(1000));
    assert!(parse(&signs).unwrap_err().contains("nested too deeply"));
    let fine = format!("@(\"a\"{})", " + \"a\"".repeat(150));
    assert_eq!(text(&fine).len(), 151);
    let longest = format!("@(context.Request.Method{})", ".Trim()".repeat(98));
    assert_eq!(text(&longest), "GET");
    let conditionals = format!("@({}1)", "context.Request.Method == null ? 0 : ".repeat(30));
    assert_eq!(text(&conditionals), "1");
}

#[test]
fn errors_in_and_around_a_secret_do_not_show_it() {
    let secret = NamedValue {
        text: "hunter2.Foo(\"pass word\")",
        secret: true,
    };
    let raw = raw("@(1 + {{s}} + oops)")
        .substitute(&|_| Some(secret))
        .unwrap();
    let errors = Expression::parse(&raw, &Arc::from("f")).unwrap_err();
    let all = format!("{errors:?} {raw:?}");
    assert!(!all.contains("hunter") && !all.contains("pass"), "{all}");
    assert!(all.contains("oops"), "the rest is still shown: {all}");

    let secret = NamedValue {
        text: "\"hunter2",
        secret: true,
    };
    let raw = super::raw("@(1 + {{s}})")
        .substitute(&|_| Some(secret))
        .unwrap();
    let errors = Expression::parse(&raw, &Arc::from("f")).unwrap_err();
    assert!(!format!("{errors:?}").contains("hunter"), "{errors:?}");
    assert_eq!(
        errors[0].position.map(|p| p.to_string()).as_deref(),
        Some("1:10")
    );
}

#[test]
fn places_behind_named_values_and_entities_are_those_of_the_document() {
    let value = NamedValue {
        text: "\"a much longer text\"",
        secret: false,
    };
    let raw = raw("@({{s}} + &quot;&quot; + oops)")
        .substitute(&|_| Some(value))
        .unwrap();
    let errors = Expression::parse(&raw, &Arc::from("f")).unwrap_err();
    assert_eq!(
        errors[0].position.map(|p| p.to_string()).as_deref(),
        Some("1:29")
    );
}
