//! Members of `context`.

use super::*;

#[test]
fn members_of_the_request() {
    let cases = [
        ("context.Request.Method", "GET"),
        ("context.Request.IpAddress", "203.0.113.7"),
        (
            "context.Request.Headers.GetValueOrDefault(\"x-one\")",
            "one",
        ),
        (
            "context.Request.Headers.GetValueOrDefault(\"X-Many\", \"\")",
            "a,b",
        ),
        (
            "context.Request.Headers.GetValueOrDefault(\"none\", \"d\")",
            "d",
        ),
        (
            "context.Request.Headers.GetValueOrDefault(\"none\")",
            "<null>",
        ),
        (
            "context.Request.Headers.GetValueOrDefault(\"not a name\", \"d\")",
            "d",
        ),
        ("context.Request.Headers[\"X-Many\"][1]", "b"),
        ("context.Request.Headers.ContainsKey(\"X-ONE\")", "True"),
        ("context.Request.OriginalUrl.Host", "api.example.com"),
        ("context.Request.OriginalUrl.Port", "443"),
        (
            "context.Request.OriginalUrl.Scheme + context.Request.OriginalUrl.Path",
            "https/v1/hello",
        ),
        (
            "context.Request.OriginalUrl.QueryString",
            "?name=W%20orld&tag=a&tag=b",
        ),
        (
            "context.Request.OriginalUrl.Query.GetValueOrDefault(\"name\", \"\")",
            "W orld",
        ),
        (
            "context.Request.OriginalUrl.Query.GetValueOrDefault(\"tag\")",
            "a,b",
        ),
        ("context.Request.OriginalUrl.Query[\"tag\"].Last()", "b"),
        (
            "context.Request.OriginalUrl.Query.ContainsKey(\"none\")",
            "False",
        ),
        ("context.Request.Url.Port", "7071"),
        (
            "context.Request.Url.ToString()",
            "http://backend.internal:7071/api/hello?x=1",
        ),
        (
            "context.Request.OriginalUrl",
            "https://api.example.com/v1/hello?name=W%20orld&tag=a&tag=b",
        ),
        ("context.Request.Url.Path.Contains(\"hello\")", "True"),
        ("context.Request.MatchedParameters[\"id\"]", "42"),
        (
            "context.Request.MatchedParameters.GetValueOrDefault(\"none\", \"d\")",
            "d",
        ),
        (
            "context.Request.MatchedParameters.ContainsKey(\"id\")",
            "True",
        ),
        ("context.Request.Certificate.Subject", "CN=alice, O=Example"),
        (
            "context.Request.Certificate.SubjectName.Name",
            "CN=alice, O=Example",
        ),
        ("context.Request.Certificate.Issuer", "CN=authority"),
        (
            "context.Request.Certificate.IssuerName.Name",
            "CN=authority",
        ),
        ("context.Request.Certificate.SerialNumber", "0A1B"),
        (
            "context.Request.Certificate?.Thumbprint == \"00FF\"",
            "True",
        ),
        (
            "context.Request.Certificate == null || !context.Request.Certificate.Verify()",
            "False",
        ),
        (
            "context.Request.Certificate.VerifyNoRevocation() && context.Request.Certificate.NotAfter < context.Timestamp",
            "True",
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(text(expression), expected, "{expression}");
    }
}

#[test]
fn the_rest_of_the_context() {
    let cases = [
        ("context.Response.StatusCode", "404"),
        ("context.Response.StatusReason", "Not Found"),
        (
            "context.Response.Headers.GetValueOrDefault(\"X-R\", \"\")",
            "r",
        ),
        (
            "context.LastError.Source + context.LastError.Reason + context.LastError.Scope",
            "validate-jwtTokenExpired",
        ),
        (
            "context.Api.Id + context.Api.Path + context.Api.Name",
            "echov1Echo",
        ),
        ("context.Api.ServiceUrl.Host", "svc.example.com"),
        ("context.Api.Version", "<null>"),
        ("context.Operation.Id", "get"),
        ("context.Deployment.Region", "here"),
        ("context.RequestId", "00000000-0000-0000-0000-000000000000"),
        ("context.Timestamp", "09/13/2020 12:26:40"),
        (
            "context.Timestamp.AddMinutes(1).ToUnixTimeSeconds()",
            "1600000060",
        ),
        (
            "context.Timestamp.AddSeconds(-0.5) < context.Timestamp",
            "True",
        ),
        ("context.Subscription?.Id", "<null>"),
        ("context.User == null && context.Product == null", "True"),
    ];
    for (expression, expected) in cases {
        assert_eq!(text(expression), expected, "{expression}");
    }
    assert_eq!(
        fault("context.Subscription.Id"),
        "the value before `Id` is null"
    );
    assert_eq!(
        fault("context.User.Id.Length"),
        "the value before `Id` is null"
    );
}

#[test]
fn an_absent_response_is_null() {
    let mut context = context();
    context.response = None;
    let run = |expression: &str| parse(expression).unwrap().evaluate(&context);
    assert_eq!(
        run("@(context.Response == null)").unwrap(),
        Value::Bool(true)
    );
    assert_eq!(run("@(context.Response?.StatusCode)").unwrap(), Value::Null);
    assert_eq!(
        run("@(context.Response?.StatusCode == 200)").unwrap(),
        Value::Bool(false)
    );
    assert_eq!(
        run("@(context.Response?.StatusCode >= 200)").unwrap(),
        Value::Bool(false)
    );
    assert_eq!(
        run("@(context.Response.StatusCode)").unwrap_err().message,
        "the value before `StatusCode` is null"
    );
}

#[test]
fn variables_have_the_types_they_were_given() {
    let cases = [
        ("context.Variables[\"text\"]", "hello"),
        ("(string)context.Variables[\"text\"] + 1", "hello1"),
        ("(int)context.Variables[\"number\"] + 1", "8"),
        ("context.Variables.GetValueOrDefault<int>(\"number\")", "7"),
        ("context.Variables.GetValueOrDefault<int>(\"none\", 5)", "5"),
        (
            "context.Variables.GetValueOrDefault<bool>(\"none\")",
            "False",
        ),
        (
            "context.Variables.GetValueOrDefault<string>(\"none\")",
            "<null>",
        ),
        (
            "context.Variables.GetValueOrDefault(\"none\", \"d\").ToUpper()",
            "D",
        ),
        (
            "context.Variables.ContainsKey(\"flag\") && (bool)context.Variables[\"flag\"]",
            "True",
        ),
        ("context.Variables[\"text\"] == \"hello\"", "True"),
        (
            "\"\" + context.Variables[\"number\"] + context.Variables[\"nothing\"]",
            "7",
        ),
        ("context.Variables[\"text\"].ToString().Length", "5"),
        ("context.Variables[\"text\"] is string", "True"),
        ("context.Variables[\"number\"] is string ? -1 : 2", "2"),
        ("context.Variables[\"nothing\"] is null", "True"),
        ("context.Variables[\"number\"] as string", "<null>"),
        (
            "((context.Variables[\"text\"] as string) ?? \"x\").Length",
            "5",
        ),
    ];
    for (expression, expected) in cases {
        assert_eq!(text(expression), expected, "{expression}");
    }
    let wrong = fault("context.Variables.GetValueOrDefault<int>(\"text\")");
    assert_eq!(wrong, "a value of type string where int is needed");
}

#[test]
fn tokens_are_read_without_being_checked() {
    let authorization = "context.Request.Headers.GetValueOrDefault(\"Authorization\",\"\")";
    let cases = [
        (".AsJwt()?.Subject", "alice"),
        (".Split(' ')[1].AsJwt()?.Subject", "alice"),
        (".AsJwt().Issuer", "https://id"),
        (".AsJwt()?.Audiences.First()", "a1"),
        (".AsJwt()?.Audiences.Contains(\"a2\")", "True"),
        (".AsJwt()?.Claims.GetValueOrDefault(\"roles\", \"\")", "x,y"),
        (".AsJwt()?.Claims.GetValueOrDefault(\"none\", \"d\")", "d"),
        (".AsJwt()?.Claims[\"roles\"][1]", "y"),
        (".AsJwt()?.Claims.ContainsKey(\"sub\")", "True"),
        (".AsJwt()?.Claims?[\"aud\"]?.Length", "2"),
        (".AsJwt()?.Algorithm", "RS256"),
        (".AsJwt()?.Type", "JWT"),
        (".AsJwt()?.Id", "t1"),
        (
            ".AsJwt()?.ExpirationTime.Value.ToUnixTimeSeconds()",
            "1700000000",
        ),
        (".AsJwt()?.NotBefore", "<null>"),
    ];
    for (rest, expected) in cases {
        let expression = format!("{authorization}{rest}");
        assert_eq!(text(&expression), expected, "{expression}");
    }
    assert_eq!(
        text("context.Request.Headers.GetValueOrDefault(\"X-One\",\"\").AsJwt()?.Subject"),
        "<null>"
    );
    assert_eq!(
        text("context.Request.Headers.GetValueOrDefault(\"none\").AsJwt()?.Subject"),
        "<null>"
    );
    assert_eq!(
        fault("\"x\".AsJwt().Subject"),
        "the value before `Subject` is null"
    );
    assert_eq!(
        fault("(\"x\".AsJwt()?.Subject).Length"),
        "the value before `Length` is null"
    );
    assert_eq!(
        text("\"x\".AsJwt()?.Subject.Length"),
        "<null>",
        "the rest of the chain is skipped"
    );
    assert_eq!(
        text("context.Request.Headers.GetValueOrDefault(\"X-Basic\").AsBasic()?.UserId"),
        "user"
    );
    assert_eq!(
        text("context.Request.Headers.GetValueOrDefault(\"X-Basic\").AsBasic()?.Password"),
        "pa:ss"
    );
}

#[test]
fn headers_that_are_no_utf_8_stay_distinct() {
    let mut context = context();
    context
        .request
        .headers
        .insert("x-one", HeaderValue::from_bytes(b"caf\xe9").unwrap());
    let expression = parse("@(context.Request.Headers.GetValueOrDefault(\"X-One\"))").unwrap();
    assert_eq!(
        expression.evaluate(&context).unwrap(),
        Value::from("caf\u{e9}")
    );
}
