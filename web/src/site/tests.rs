//! What is at which address, without a socket.

use http::HeaderName;
use http_body_util::BodyExt;

use super::*;
use crate::files::File;
use crate::settings::tests::settings;

const HTML: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

const FILES: &[File] = &[
    File {
        name: "index.html",
        plain: b"<h1>app</h1>",
        brotli: Some(b"<br>"),
        gzip: Some(b"<gz>"),
    },
    File {
        name: "assets/app-1.js",
        plain: b"app()",
        brotli: Some(b"br"),
        gzip: None,
    },
    File {
        name: "assets/logo-2.png",
        plain: b"png",
        brotli: None,
        gzip: None,
    },
    File {
        name: "developer/index.html",
        plain: b"<h1>console</h1>",
        brotli: None,
        gzip: None,
    },
    File {
        name: "config.json",
        plain: b"left over",
        brotli: Some(b"left over"),
        gzip: None,
    },
];

fn site(files: &'static [File]) -> Site {
    Site::new(&Config {
        files,
        ..Config::new(settings())
    })
}

struct Answer {
    outcome: Outcome,
    status: u16,
    headers: HeaderMap,
    body: String,
}

fn ask(method: &Method, path: &str, headers: &[(HeaderName, &str)]) -> Answer {
    ask_of(&site(FILES), method, path, headers)
}

fn ask_of(site: &Site, method: &Method, path: &str, headers: &[(HeaderName, &str)]) -> Answer {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
        .collect();
    let (outcome, response) = site.answer(method, path, &headers);
    let (head, body) = response.into_parts();
    // The body is there already: collecting it never waits.
    let body = text_of(body);
    Answer {
        outcome,
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    }
}

fn text_of(body: Full<Bytes>) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let bytes = runtime.block_on(body.collect()).unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn get(path: &str) -> Answer {
    ask(&Method::GET, path, &[])
}

#[test]
fn files_are_where_their_names_say() {
    for (path, body, kind) in [
        ("/", "<h1>app</h1>", "text/html; charset=utf-8"),
        ("/index.html", "<h1>app</h1>", "text/html; charset=utf-8"),
        (
            "/developer/",
            "<h1>console</h1>",
            "text/html; charset=utf-8",
        ),
        (
            "/assets/app-1.js",
            "app()",
            "text/javascript; charset=utf-8",
        ),
        ("/assets/logo-2.png", "png", "image/png"),
    ] {
        let answer = get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
        assert_eq!(answer.headers["content-type"], kind, "{path}");
        assert_eq!(answer.outcome, Outcome::Served);
    }
}

#[test]
fn hashed_files_are_kept_for_good_and_all_else_is_asked_for_again() {
    for path in ["/assets/app-1.js", "/assets/logo-2.png"] {
        assert_eq!(
            get(path).headers["cache-control"],
            "public, max-age=31536000, immutable",
            "{path}"
        );
    }
    for path in ["/", "/index.html", "/developer/", "/config.json"] {
        assert_eq!(get(path).headers["cache-control"], "no-cache", "{path}");
    }
    for path in ["/missing", "/developer"] {
        assert_eq!(get(path).headers["cache-control"], "no-store", "{path}");
    }
}

#[test]
fn each_encoding_has_its_own_bytes_and_tag() {
    let mut tags = Vec::new();
    for (accepted, body, encoding) in [
        ("", "<h1>app</h1>", None),
        ("gzip", "<gz>", Some("gzip")),
        ("gzip, br", "<br>", Some("br")),
    ] {
        let answer = ask(&Method::GET, "/", &[(header::ACCEPT_ENCODING, accepted)]);
        assert_eq!(answer.body, body);
        assert_eq!(
            answer
                .headers
                .get("content-encoding")
                .map(|v| v.to_str().unwrap()),
            encoding
        );
        assert_eq!(answer.headers["vary"], "accept-encoding", "{accepted:?}");
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        let tag = answer.headers["etag"].to_str().unwrap().to_owned();
        assert!(
            tag.starts_with('"') && !tags.contains(&tag),
            "strong, and of these bytes alone: {tag}"
        );

        let known = [
            (header::ACCEPT_ENCODING, accepted),
            (header::IF_NONE_MATCH, &tag),
        ];
        let again = ask(&Method::GET, "/", &known);
        assert_eq!(
            (again.status, again.body.as_str(), again.outcome),
            (304, "", Outcome::NotModified)
        );
        for name in ["etag", "vary", "cache-control"] {
            assert_eq!(again.headers[name], answer.headers[name], "{name}");
        }
        assert!(
            !again.headers.contains_key("content-type")
                && !again.headers.contains_key("content-encoding")
        );
        tags.push(tag);
    }
    // A tag of other bytes is no reason to keep them.
    let other = [
        (header::ACCEPT_ENCODING, "br"),
        (header::IF_NONE_MATCH, &tags[1]),
    ];
    assert_eq!(ask(&Method::GET, "/", &other).status, 200);
}

#[test]
fn what_has_one_form_does_not_vary() {
    let answer = ask(
        &Method::GET,
        "/assets/logo-2.png",
        &[(header::ACCEPT_ENCODING, "br")],
    );
    assert_eq!(answer.body, "png");
    assert!(
        !answer.headers.contains_key("vary") && !answer.headers.contains_key("content-encoding")
    );
}

#[test]
fn settings_win_over_a_file_left_over() {
    let answer = ask(
        &Method::GET,
        "/config.json",
        &[(header::ACCEPT_ENCODING, "br")],
    );
    assert_eq!(answer.headers["content-type"], "application/json");
    assert!(!answer.headers.contains_key("content-encoding"));
    let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(said, serde_json::to_value(settings()).unwrap());
    assert!(answer.headers.contains_key("etag"));
}

#[test]
fn browsers_get_the_app_where_there_is_nothing_else() {
    for path in [
        "/",
        "/anything",
        "/deep/er",
        "/developer/nothing",
        "/x.js",
        "/config",
        "//",
    ] {
        let answer = ask(&Method::GET, path, &[(header::ACCEPT, HTML)]);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "<h1>app</h1>"),
            "{path}"
        );
        assert_eq!(answer.headers["cache-control"], "no-cache");
    }
    for path in [
        "/assets/app-0.js",
        "/assets/",
        "/assets/../index.html",
        "//assets/app-0.js",
    ] {
        let answer = ask(&Method::GET, path, &[(header::ACCEPT, HTML)]);
        assert_eq!(
            (answer.status, answer.outcome),
            (404, Outcome::NotFound),
            "{path}"
        );
    }
}

#[test]
fn scripts_are_told_what_is_missing() {
    for path in ["/anything", "/assets/app-0.js", "/assets", "/api/hello"] {
        let answer = ask(&Method::GET, path, &[(header::ACCEPT, "*/*")]);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, "There is nothing at this address.\n"),
            "{path}"
        );
        assert_eq!(answer.headers["content-type"], "text/plain; charset=utf-8");
    }
}

#[test]
fn no_spelling_leads_out_of_the_table() {
    for path in [
        "/../Cargo.toml",
        "/assets/../../Cargo.toml",
        "/%2e%2e/Cargo.toml",
        "/..%2fCargo.toml",
        "/assets/%2e%2e/index.html",
        "/./index.html",
        "//index.html",
        "/index.html/",
        "/etc/passwd",
        "//etc/passwd",
        "/index.html%00",
        "/\\..\\Cargo.toml",
        "*",
        "",
    ] {
        assert_eq!(get(path).status, 404, "{path}");
    }
}

#[test]
fn a_folder_without_its_slash_is_sent_there() {
    let answer = get("/developer");
    assert_eq!((answer.status, answer.outcome), (308, Outcome::Redirected));
    assert_eq!(answer.headers["location"], "/developer/");
    // Another host's name in front is no folder.
    for path in [
        "//developer",
        "//example.com",
        "/assets",
        "/developer/index.html/x",
    ] {
        assert_eq!(get(path).status, 404, "{path}");
    }
}

#[test]
fn only_reading_is_allowed() {
    for method in [
        Method::POST,
        Method::PUT,
        Method::DELETE,
        Method::OPTIONS,
        Method::PATCH,
        Method::TRACE,
    ] {
        for path in ["/", "/missing"] {
            let answer = ask(&method, path, &[]);
            assert_eq!(
                (answer.status, answer.outcome),
                (405, Outcome::NotAllowed),
                "{method} {path}"
            );
            assert_eq!(answer.headers["allow"], "GET, HEAD");
        }
    }
    assert_eq!(ask(&Method::HEAD, "/", &[]).status, 200);
}

#[test]
fn every_answer_is_secured() {
    let tag = get("/").headers["etag"].to_str().unwrap().to_owned();
    let answers = [
        (200, get("/")),
        (200, get("/config.json")),
        (
            304,
            ask(&Method::GET, "/", &[(header::IF_NONE_MATCH, &tag)]),
        ),
        (308, get("/developer")),
        (404, get("/missing")),
        (405, ask(&Method::POST, "/", &[])),
        (503, ask_of(&site(&[]), &Method::GET, "/", &[])),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status);
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; "),
            "{policy}"
        );
        assert!(
            policy.contains(
                "connect-src 'self' https://api.example.com https://login.example.com:8443;"
            ),
            "{policy}"
        );
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["referrer-policy"], "no-referrer");
        assert_eq!(
            answer.headers["cross-origin-resource-policy"],
            "same-origin"
        );
        // The console's sign-in pop-up could not answer.
        assert!(!answer.headers.contains_key("cross-origin-opener-policy"));
    }
}

#[test]
fn without_files_every_answer_says_how_to_build_them() {
    let site = site(&[]);
    for (method, path) in [
        (Method::GET, "/"),
        (Method::GET, "/config.json"),
        (Method::POST, "/x"),
    ] {
        let answer = ask_of(&site, &method, path, &[(header::ACCEPT, HTML)]);
        assert_eq!(
            (answer.status, answer.outcome),
            (503, Outcome::NotBuilt),
            "{path}"
        );
        assert!(answer.body.contains("make web"), "{}", answer.body);
    }
}
