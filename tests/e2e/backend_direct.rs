//! The backend trusts nobody: called without the gateway, it checks everything itself.

use crate::support::{Provider, Role, client, client_from};

const KEY: &str = weir_development::FUNCTION_KEY;

#[tokio::test]
async fn every_check_of_the_backend_stands_without_the_gateway() {
    let provider = Provider::start().await;
    let backend = Role::start(
        "backend",
        &[
            "--openid-config",
            &provider.discovery(),
            "--allow",
            "127.0.0.1",
        ],
    )
    .await;
    let url = format!("{}/api/hello", backend.url());
    let token = provider.sign(&provider.claims("alice"));
    let client = client();

    let ok = client
        .get(&url)
        .bearer_auth(&token)
        .header("x-functions-key", KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(ok.status(), 200);
    assert!(
        ok.text()
            .await
            .unwrap()
            .starts_with("Hello World, time and date are ")
    );

    let no_token = client
        .get(&url)
        .header("x-functions-key", KEY)
        .send()
        .await
        .unwrap();
    assert_eq!(no_token.status(), 401);
    assert!(
        no_token.headers()["www-authenticate"]
            .to_str()
            .unwrap()
            .starts_with("Bearer realm=")
    );

    let no_key = client.get(&url).bearer_auth(&token).send().await.unwrap();
    assert_eq!(no_key.status(), 401);
    assert!(!no_key.headers().contains_key("www-authenticate"));
    assert_eq!(no_key.bytes().await.unwrap().len(), 0);

    let elsewhere = client_from("127.0.0.2")
        .get(&url)
        .bearer_auth(&token)
        .header("x-functions-key", KEY);
    let elsewhere = elsewhere
        .header("X-Forwarded-For", "127.0.0.1")
        .send()
        .await
        .unwrap();
    assert_eq!(elsewhere.status(), 403);
    assert_eq!(elsewhere.headers()["x-ms-forbidden-ip"], "127.0.0.2");
}

#[tokio::test]
async fn an_empty_or_missing_key_file_refuses_to_start() {
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    for path in [empty, directory.path().join("missing")] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_weir"))
            .args([
                "backend",
                "--listen=127.0.0.1:0",
                "--ops-listen=127.0.0.1:0",
                "--function-key-file",
            ])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(path.to_str().unwrap()));
    }
}
