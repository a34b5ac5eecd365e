//! Issuers that are written in more than one way, as their publishers document.
//!
//! - Entra: tokens of version 1 name the first form of a cloud below, those of version 2 the
//!   second, whichever discovery document was read. US Government has the global cloud's first
//!   form. <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-formats>,
//!   <https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud>
//! - Google: with and without scheme.
//!   <https://developers.google.com/identity/gsi/web/guides/verify-google-id-token>

/// Before and behind the tenant's id in the two forms of an issuer, by cloud of Entra.
const ENTRA_CLOUDS: [[(&str, &str); 2]; 3] = [
    // Global.
    [
        ("https://sts.windows.net/", "/"),
        ("https://login.microsoftonline.com/", "/v2.0"),
    ],
    // US Government.
    [
        ("https://sts.windows.net/", "/"),
        ("https://login.microsoftonline.us/", "/v2.0"),
    ],
    // China, operated by 21Vianet.
    [
        ("https://sts.chinacloudapi.cn/", "/"),
        ("https://login.partner.microsoftonline.cn/", "/v2.0"),
    ],
];

const GOOGLE: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];

/// What stands for the tenant's id in the issuer of the documents for all tenants (`common`,
/// `organizations`).
const ANY_TENANT: &str = "{tenantid}";

/// What the issuer of a provider's discovery document is to the issuer of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// The same, byte for byte.
    Same,
    /// Another form of the same.
    OtherForm,
    /// The provider is one for all tenants, and the token's issuer is a tenant.
    OneOfAll,
    None,
}

/// How `provider`, the issuer of a discovery document, is related to `issuer`, that of a token.
pub(super) fn relation(provider: &str, issuer: &str) -> Relation {
    if provider == issuer {
        return Relation::Same;
    }
    if GOOGLE.contains(&provider) && GOOGLE.contains(&issuer) {
        return Relation::OtherForm;
    }
    for cloud in ENTRA_CLOUDS {
        match (tenant(&cloud, provider), tenant(&cloud, issuer)) {
            // An issuer of a token is never a pattern.
            (_, Some(tenant)) if !is_guid(tenant) => {}
            (Some(ANY_TENANT), Some(_)) => return Relation::OneOfAll,
            (Some(provider), Some(tenant)) if provider == tenant => return Relation::OtherForm,
            _ => {}
        }
    }
    Relation::None
}

fn tenant<'i>(cloud: &[(&str, &str); 2], issuer: &'i str) -> Option<&'i str> {
    cloud
        .iter()
        .find_map(|(before, behind)| issuer.strip_prefix(before)?.strip_suffix(behind))
}

fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text
            .bytes()
            .enumerate()
            .all(|(position, byte)| match position {
                8 | 13 | 18 | 23 => byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "f8a5b3c1-6d2e-4b7a-9c40-2f1d8e6a7b53";
    const OTHER: &str = "0d5b0f5e-52f1-4c8e-8a51-6cfd0dd8a001";

    fn v1(tenant: &str) -> String {
        format!("https://sts.windows.net/{tenant}/")
    }

    fn v2(tenant: &str) -> String {
        format!("https://login.microsoftonline.com/{tenant}/v2.0")
    }

    fn us(tenant: &str) -> String {
        format!("https://login.microsoftonline.us/{tenant}/v2.0")
    }

    fn china(tenant: &str) -> [String; 2] {
        [
            format!("https://sts.chinacloudapi.cn/{tenant}/"),
            format!("https://login.partner.microsoftonline.cn/{tenant}/v2.0"),
        ]
    }

    #[test]
    fn forms_of_one_issuer_are_the_same_in_each_cloud() {
        let [china_v1, china_v2] = china(TENANT);
        for (one, other) in [
            (v1(TENANT), v2(TENANT)),
            (v1(TENANT), us(TENANT)),
            (china_v1.clone(), china_v2.clone()),
            (GOOGLE[0].to_owned(), GOOGLE[1].to_owned()),
        ] {
            assert_eq!(relation(&one, &other), Relation::OtherForm, "{one} {other}");
            assert_eq!(relation(&other, &one), Relation::OtherForm, "{other} {one}");
            assert_eq!(relation(&one, &one), Relation::Same);
        }
        // No cloud speaks for another.
        for (one, other) in [
            (us(TENANT), v2(TENANT)),
            (v1(TENANT), china_v1),
            (v2(TENANT), china_v2),
        ] {
            assert_eq!(relation(&one, &other), Relation::None, "{one} {other}");
            assert_eq!(relation(&other, &one), Relation::None, "{other} {one}");
        }
    }

    #[test]
    fn a_document_for_all_tenants_is_related_to_those_of_its_cloud() {
        let [china_v1, china_v2] = china(TENANT);
        for (provider, issuers) in [
            (v2(ANY_TENANT), vec![v1(TENANT), v2(TENANT), v2(OTHER)]),
            (v1(ANY_TENANT), vec![v2(TENANT)]),
            (us(ANY_TENANT), vec![us(TENANT), v1(TENANT)]),
            (china(ANY_TENANT)[1].clone(), vec![china_v1, china_v2]),
        ] {
            for issuer in issuers {
                let found = relation(&provider, &issuer);
                assert_eq!(found, Relation::OneOfAll, "{provider} {issuer}");
            }
        }
        assert_eq!(relation(&us(ANY_TENANT), &v2(TENANT)), Relation::None);
        assert_eq!(relation(&v2(TENANT), &v2(ANY_TENANT)), Relation::None);
        assert_eq!(relation(&v2(ANY_TENANT), &v1(ANY_TENANT)), Relation::None);
    }

    #[test]
    fn what_only_looks_like_a_form_is_none() {
        for issuer in [
            v1(OTHER),
            v2(OTHER),
            v1(&TENANT.to_uppercase()),
            v1(""),
            v1(&format!("{TENANT}/{TENANT}")),
            v1(TENANT).trim_end_matches('/').to_owned(),
            format!("{}/", v2(TENANT)),
            v1(TENANT).replace("https", "http"),
            v1(TENANT).replace("windows.net", "windows.net.evil.example"),
            format!("https://evil.example/{TENANT}/v2.0"),
        ] {
            assert_eq!(relation(&v2(TENANT), &issuer), Relation::None, "{issuer}");
        }
        for issuer in [
            "http://accounts.google.com",
            "https://accounts.google.com/",
            "https://evil.example",
        ] {
            assert_eq!(relation(GOOGLE[0], issuer), Relation::None, "{issuer}");
        }
    }
}
