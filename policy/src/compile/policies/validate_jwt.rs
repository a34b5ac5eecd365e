//! `validate-jwt`

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use secrecy::SecretSlice;

use crate::compile::literal;
use crate::compile::{Place, Reader};
use crate::plan::{Action, KeyMaterial, RequiredClaim, SigningKey, TokenSource, ValidateJwt};
use crate::setting::Setting;
use crate::xml::Element;

const ATTRIBUTES: [&str; 10] = [
    "header-name",
    "query-parameter-name",
    "token-value",
    "failed-validation-httpcode",
    "failed-validation-error-message",
    "require-expiration-time",
    "require-scheme",
    "require-signed-tokens",
    "clock-skew",
    "output-token-variable-name",
];

const CHILDREN: [&str; 8] = [
    "openid-config",
    "issuer-signing-keys",
    "decryption-keys",
    "audiences",
    "issuers",
    "required-claims",
    "issuer-signing-tokens",
    "zumo-master-key",
];

/// The largest `clock-skew` in seconds: a day. More would make expiry meaningless.
const MAX_SKEW: u64 = 86_400;

/// The shortest HMAC secret in bytes.
const MIN_SECRET: usize = 16;

/// The shortest RSA modulus in bytes: 2048 bits.
const MIN_MODULUS: usize = 256;

pub(super) fn validate_jwt(reader: &mut Reader<'_, '_>, _: &Place<'_>) -> Option<Action> {
    reader.attributes(&ATTRIBUTES);
    reader.children(&CHILDREN);
    refuse_unsupported_children(reader);
    let source = source(reader);
    let require_signed = reader
        .setting("require-signed-tokens", literal::boolean)
        .unwrap_or(Setting::Literal(true));
    let openid_configs = openid_configs(reader);
    let keys = keys(reader);
    let has_keys = reader.each("openid-config").next().is_some()
        || reader.each("issuer-signing-keys").next().is_some();
    if !has_keys && require_signed.literal() != Some(&false) {
        let help = "add `<openid-config url=\"…\" />` or `<issuer-signing-keys>`";
        reader.report_here(
            "`validate-jwt` has no key to check signatures with, so every token would be refused",
            help,
        );
    }
    let jwt = ValidateJwt {
        index: reader
            .compiler
            .jwt_index(reader.file, reader.element.position),
        require_scheme: reader.setting("require-scheme", literal::some_text),
        failed_status: reader
            .setting("failed-validation-httpcode", literal::status)
            .unwrap_or(Setting::Literal(401)),
        failed_message: reader.setting("failed-validation-error-message", literal::text),
        require_expiration: reader
            .setting("require-expiration-time", literal::boolean)
            .unwrap_or(Setting::Literal(true)),
        require_signed,
        clock_skew: reader
            .setting("clock-skew", literal::number(0..=MAX_SKEW))
            .unwrap_or(Setting::Literal(0)),
        output_variable: reader.literal("output-token-variable-name", literal::name),
        openid_configs,
        keys,
        audiences: list(reader, "audiences", "audience"),
        issuers: list(reader, "issuers", "issuer"),
        required_claims: required_claims(reader),
        source: source?,
    };
    Some(Action::ValidateJwt(Box::new(jwt)))
}

fn refuse_unsupported_children(reader: &mut Reader<'_, '_>) {
    for (name, help) in [
        (
            "decryption-keys",
            "remove it: encrypted tokens are not supported yet",
        ),
        ("issuer-signing-tokens", "use `issuer-signing-keys`"),
        ("zumo-master-key", "use `issuer-signing-keys`"),
    ] {
        if let Some(child) = reader.child(name) {
            reader.report(child.position, format!("`{name}` is not supported"), help);
        }
    }
}

fn source(reader: &mut Reader<'_, '_>) -> Option<TokenSource> {
    let names = ["header-name", "query-parameter-name", "token-value"];
    let given: Vec<_> = names
        .into_iter()
        .filter(|name| reader.element.attribute(name).is_some())
        .collect();
    match given[..] {
        ["header-name"] => reader
            .setting("header-name", literal::header_name_text)
            .map(TokenSource::Header),
        ["query-parameter-name"] => reader
            .setting("query-parameter-name", literal::some_text)
            .map(TokenSource::QueryParameter),
        ["token-value"] => reader
            .setting("token-value", literal::some_text)
            .map(TokenSource::Value),
        _ => {
            let message = "`validate-jwt` needs one of `header-name`, `query-parameter-name` and `token-value`";
            reader.report_here(message, "write one, e.g. `header-name=\"Authorization\"`");
            None
        }
    }
}

fn openid_configs(reader: &mut Reader<'_, '_>) -> Vec<String> {
    let mut urls = Vec::new();
    for element in reader.each("openid-config") {
        let mut inner = reader.of(element);
        inner.attributes(&["url", "host"]);
        inner.unsupported_attribute("host", "remove it: the host is that of `url`");
        inner.children(&[]);
        urls.extend(inner.required_literal("url", literal::discovery_url));
    }
    urls
}

fn keys(reader: &mut Reader<'_, '_>) -> Vec<SigningKey> {
    let Some(list) = reader.child("issuer-signing-keys") else {
        return Vec::new();
    };
    let mut inner = reader.of(list);
    inner.attributes(&[]);
    inner.children(&["key"]);
    if inner.each("key").next().is_none() {
        inner.report_here("`issuer-signing-keys` is empty", "add `<key>…</key>`");
    }
    let keys: Vec<_> = inner.each("key").collect();
    keys.into_iter()
        .filter_map(|key| signing_key(&mut inner, key))
        .collect()
}

fn signing_key(reader: &mut Reader<'_, '_>, element: &Element) -> Option<SigningKey> {
    let mut reader = reader.of(element);
    reader.attributes(&["id", "n", "e", "certificate-id"]);
    if reader.element.attribute("certificate-id").is_some() {
        let help = "there is no certificate store; write the certificate's key as `n` and `e`";
        reader.unsupported_attribute("certificate-id", help);
        return None;
    }
    let position = element.position;
    let id = reader.literal("id", literal::some_text);
    if reader.element.attribute("n").is_some() || reader.element.attribute("e").is_some() {
        reader.children(&[]);
        let n = reader.required_literal("n", |text| {
            base64url(text, MIN_MODULUS, "an RSA modulus of at least 2048 bits")
        });
        let e = reader.required_literal("e", |text| base64url(text, 1, "an RSA exponent"));
        return Some(SigningKey {
            id,
            material: KeyMaterial::Rsa { n: n?, e: e? },
            position,
        });
    }
    let secret = reader.secret_text(|text| {
        let bytes = STANDARD
            .decode(text)
            .ok()
            .filter(|bytes| bytes.len() >= MIN_SECRET);
        bytes.ok_or_else(|| format!("the base64 text of a secret of at least {MIN_SECRET} bytes"))
    });
    let material = KeyMaterial::Symmetric(SecretSlice::from(secret?));
    Some(SigningKey {
        id,
        material,
        position,
    })
}

fn base64url(text: &str, least: usize, what: &str) -> literal::Checked<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text.trim().trim_end_matches('='))
        .ok();
    // A leading zero byte is how some tools write a positive number.
    let bytes = bytes.map(|bytes| {
        bytes
            .iter()
            .copied()
            .skip_while(|byte| *byte == 0)
            .collect::<Vec<_>>()
    });
    bytes
        .filter(|bytes| bytes.len() >= least)
        .ok_or_else(|| format!("the base64url text of {what}"))
}

fn list(
    reader: &mut Reader<'_, '_>,
    list: &'static str,
    item: &'static str,
) -> Vec<Setting<String>> {
    let Some(element) = reader.child(list) else {
        return Vec::new();
    };
    let mut inner = reader.of(element);
    inner.attributes(&[]);
    inner.children(&[item]);
    if inner.each(item).next().is_none() {
        inner.report_here(
            format!("`{list}` is empty, so nothing would be checked"),
            format!("add `<{item}>…</{item}>`"),
        );
    }
    inner.texts(item, literal::some_text)
}

fn required_claims(reader: &mut Reader<'_, '_>) -> Vec<RequiredClaim> {
    let Some(element) = reader.child("required-claims") else {
        return Vec::new();
    };
    let mut inner = reader.of(element);
    inner.attributes(&[]);
    inner.children(&["claim"]);
    if inner.each("claim").next().is_none() {
        inner.report_here(
            "`required-claims` is empty, so nothing would be checked",
            "add `<claim name=\"…\">`",
        );
    }
    let claims: Vec<_> = inner.each("claim").collect();
    claims
        .into_iter()
        .filter_map(|claim| required_claim(&mut inner, claim))
        .collect()
}

fn required_claim(reader: &mut Reader<'_, '_>, element: &Element) -> Option<RequiredClaim> {
    let mut reader = reader.of(element);
    reader.attributes(&["name", "match", "separator"]);
    reader.children(&["value"]);
    let name = reader.required_literal("name", literal::some_text);
    let mode = reader.literal("match", literal::one_of(&["all", "any"]));
    let separator = reader.literal("separator", |text| match text {
        "" => Err("a text that is not empty".to_owned()),
        text => Ok(text.to_owned()),
    });
    let values = reader.texts("value", literal::text);
    Some(RequiredClaim {
        name: name?,
        all: mode.is_none_or(|mode| mode == "all"),
        separator,
        values,
    })
}
