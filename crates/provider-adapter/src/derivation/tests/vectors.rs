//! The table of URL pairs that real providers have, with the documents they serve.

use serde::Deserialize;

use super::*;
use crate::endpoint::EndpointError;

const VECTORS: &str = include_str!("../../../tests-data/derive_vectors.json");

#[derive(Deserialize)]
struct Table {
    discovery_documents: HashMap<String, Value>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    authorization_endpoint: String,
    token_endpoint: String,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: String,
    issuer: Option<String>,
    jwks_uri: Option<String>,
    kind: Option<String>,
    fetches: Option<usize>,
    iss_param: Option<String>,
    api: Option<String>,
    reason: Option<String>,
    need: Option<String>,
}

#[tokio::test]
async fn every_provider_of_the_table_is_derived_as_it_says() {
    let table: Table = serde_json::from_str(VECTORS).unwrap();
    assert_eq!(table.vectors.len(), 35);
    for (index, vector) in table.vectors.iter().enumerate() {
        let answers = table.discovery_documents.iter().map(|(url, value)| (url.clone(), Ok(value.clone())));
        let shelf = Shelf { answers: answers.collect(), ..Shelf::empty() };
        check(&format!("vector {}", index + 1), vector, &shelf).await;
    }
}

async fn check(name: &str, vector: &Vector, shelf: &Shelf) {
    let Vector { authorization_endpoint, token_endpoint, expect } = vector;
    let plain_http = PlainHttpOrigins::default();
    let urls = match parse_urls(authorization_endpoint, token_endpoint, None, &plain_http) {
        Ok(urls) => urls,
        Err(error) => {
            let rule = match expect.reason.as_deref() {
                Some("http only on loopback") => EndpointError::PlainHttp,
                Some("bad url") => EndpointError::UserInfo,
                Some("dot segments") => EndpointError::DotSegments,
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!((expect.status.as_str(), &error), ("rejected", &rule), "{name}");
            assert_eq!(Endpoint::parse(authorization_endpoint, &plain_http), Err(error), "{name}");
            return;
        }
    };
    let outcome = derive(&urls, KINDS, shelf).await;
    let fetches = shelf.asked().len();
    assert!(fetches <= MAX_FETCHES, "{name}");

    match (expect.status.as_str(), outcome) {
        ("ok", Ok(found)) => {
            assert_eq!(Some(found.metadata.issuer.as_str()), expect.issuer.as_deref(), "{name}");
            assert_eq!(Some(found.metadata.jwks_uri.as_str()), expect.jwks_uri.as_deref(), "{name}");
            assert_eq!(Some(found.kind.name), expect.kind.as_deref(), "{name}");
            assert_eq!(Some(fetches), expect.fetches, "{name}");
            assert_eq!(found.metadata.authorization_endpoint, *urls.authorization(), "{name}");
            assert_eq!(found.metadata.token_endpoint, *urls.token(), "{name}");
            assert_eq!(rediscover(&urls, &found, shelf).await.as_ref(), Ok(&found), "{name}");
        }
        ("oauth2-only", Err(DerivationError::OAuth2Only)) => {
            let (kind, preset) = KINDS.of_urls(&urls).unwrap().unwrap();
            let api = preset.api().unwrap();
            assert_eq!(Some(kind.name), expect.kind.as_deref(), "{name}");
            assert_eq!(Some(api.issuer.as_str()), expect.iss_param.as_deref(), "{name}");
            assert_eq!(Some(api.base.as_str().trim_end_matches('/')), expect.api.as_deref(), "{name}");
            assert_eq!((fetches, &expect.issuer), (0, &None), "{name}");
        }
        ("need-issuer", Err(DerivationError::NeedIssuer { kind, tried, .. })) => {
            let expected_kind = expect.kind.as_deref().unwrap_or("generic");
            assert_eq!(kind, expected_kind, "{name}");
            assert_eq!(expect.need.is_some(), tried.is_empty(), "{name}");
            assert_eq!(fetches, expect.fetches.unwrap_or(0), "{name}");
        }
        ("need-issuer", Err(DerivationError::OtherEndpoints { .. })) => {
            assert_eq!(fetches, expect.fetches.unwrap_or(0), "{name}");
        }
        // Two tenants: the URLs alone tell. The table counts the requests of a derivation that goes on to
        // ask.
        ("need-issuer", Err(DerivationError::Contradiction(_))) => {
            assert_eq!((fetches, expect.fetches), (0, Some(2)), "{name}");
        }
        (status, outcome) => panic!("{name}: expected {status}, got {outcome:?}"),
    }
}

#[tokio::test]
async fn with_the_named_switch_dex_beside_the_lab_is_derived_over_plain_http() {
    let (auth, token) = ("http://dex:5556/dex/auth", "http://dex:5556/dex/token");
    let dex = document("http://dex:5556/dex", auth, token, "http://dex:5556/dex/keys");
    let shelf = Shelf::empty().with("http://dex:5556/dex", dex);
    let origins = PlainHttpOrigins::parse("http://dex:5556").unwrap();
    let found = derive(&parse_urls(auth, token, None, &origins).unwrap(), KINDS, &shelf).await;
    assert_eq!(found.unwrap().metadata.issuer.as_str(), "http://dex:5556/dex");
}
