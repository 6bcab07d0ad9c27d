use labgate_domain::people::Role;
use serde_json::{Value, json};

use super::*;
use crate::Algorithm;
use crate::testing::{ALGORITHMS, AUDIENCE, ISSUER, TestKey, base64url, claims, claims_json};

fn read_with(key: &TestKey, token: &str) -> Result<SessionClaims, TokenFault> {
    let jwt = SessionJwt { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned() };
    jwt.read(token, |kid| (kid == key.signing.kid()).then_some(&key.signing.verifying))
}

fn read(token: &str) -> Result<SessionClaims, TokenFault> {
    read_with(TestKey::of(Algorithm::Es256), token)
}

/// A good token but for its header, signed by our key.
fn with_header(header: impl ToString) -> Result<SessionClaims, TokenFault> {
    read(&TestKey::of(Algorithm::Es256).forge(header, claims_json()))
}

/// A good token but for its claims, signed by our key.
fn with_claims(claims: impl ToString) -> Result<SessionClaims, TokenFault> {
    let key = TestKey::of(Algorithm::Es256);
    read(&key.forge(key.header(), claims))
}

fn changed(mut json: Value, member: &str, value: Value) -> Value {
    json[member] = value;
    json
}

fn without(mut json: Value, member: &str) -> Value {
    json.as_object_mut().unwrap().remove(member).unwrap();
    json
}

#[test]
fn a_good_token_says_what_was_signed() {
    for algorithm in ALGORITHMS {
        let key = TestKey::of(algorithm);
        let signed = key.signing.sign(Some(SessionJwt::TYP), &claims()).unwrap();
        assert_eq!(read_with(key, &signed), Ok(claims()), "{algorithm:?}");
        // The forgeries below differ from a good token in nothing but what they mean to.
        assert_eq!(read_with(key, &key.forge(key.header(), claims_json())), Ok(claims()), "{algorithm:?}");
    }
}

#[test]
fn c142_the_algorithm_is_the_keys() {
    let header = TestKey::of(Algorithm::Es256).header();
    for other in ["none", "None", "NONE", "", "HS256", "ES384", "RS256", "PS256", "EdDSA", "es256", "ES256 "]
    {
        let header = changed(header.clone(), "alg", json!(other));
        assert_eq!(with_header(&header), Err(TokenFault::Malformed), "{other}");
        let unsigned = format!("{}.{}.", base64url(&header), base64url(&claims_json()));
        assert_eq!(read(&unsigned), Err(TokenFault::Malformed), "{other} without a signature");
    }
    assert_eq!(with_header(without(header, "alg")), Err(TokenFault::Malformed));
}

#[test]
fn c142_a_public_key_is_no_hmac_secret() {
    let key = TestKey::of(Algorithm::Es256);
    let public = key.signing.public_jwk().unwrap();
    let message =
        format!("{}.{}", base64url(&changed(key.header(), "alg", json!("HS256"))), base64url(&claims_json()));
    for secret in [public.to_string(), public["x"].as_str().unwrap().to_owned()] {
        let secret = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
        let hs256 = jsonwebtoken::Algorithm::HS256;
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &secret, hs256).unwrap();
        assert_eq!(read(&format!("{message}.{signature}")), Err(TokenFault::Malformed));
    }
}

#[test]
fn c142_another_key_of_the_same_kind_does_not_sign_for_ours() {
    for algorithm in ALGORITHMS {
        let ours = TestKey::of(algorithm);
        let token = TestKey::fresh(algorithm).forge(ours.header(), claims_json());
        assert_eq!(read_with(ours, &token), Err(TokenFault::Signature), "{algorithm:?}");
    }
}

#[test]
fn c143_tokens_of_other_kinds_are_refused() {
    let header = TestKey::of(Algorithm::Es256).header();
    for other in [
        "JWT",
        "jwt",
        "at+jwt",
        "logout+jwt",
        "secevent+jwt",
        "application/labgate-session+jwt",
        "LABGATE-SESSION+JWT",
        "labgate-session+jwt ",
        "",
    ] {
        let header = changed(header.clone(), "typ", json!(other));
        assert_eq!(with_header(&header), Err(TokenFault::Malformed), "{other}");
    }
    assert_eq!(with_header(changed(header.clone(), "typ", Value::Null)), Err(TokenFault::Malformed));
    assert_eq!(with_header(without(header, "typ")), Err(TokenFault::Malformed));
}

#[test]
fn c144_every_required_claim_must_be_there_and_of_its_type() {
    for member in ["iss", "aud", "sub", "sid", "exp", "iat", "jti", "username", "role", "auth_time"] {
        let gone = without(claims_json(), member);
        assert_eq!(with_claims(gone), Err(TokenFault::Malformed), "{member} missing");
        for wrong in [json!(null), json!(true), json!([]), json!({}), json!(1.5), json!(["x"])] {
            let odd = changed(claims_json(), member, wrong.clone());
            assert_eq!(with_claims(odd), Err(TokenFault::Malformed), "{member} = {wrong}");
        }
    }
    for member in ["iss", "aud", "sub", "sid", "jti", "username", "role", "email", "name"] {
        let number = changed(claims_json(), member, json!(7));
        assert_eq!(with_claims(number), Err(TokenFault::Malformed), "{member} as a number");
    }
}

#[test]
fn c144_times_must_be_whole_numbers() {
    for member in ["exp", "iat", "auth_time"] {
        for wrong in ["\"1900\"", "1900.0", "19e2", "1e300", "9223372036854775808", "0x76c"] {
            let good = claims_json().to_string();
            let value = claims_json()[member].to_string();
            let text = good.replace(&format!("\"{member}\":{value}"), &format!("\"{member}\":{wrong}"));
            assert_ne!(text, good);
            assert_eq!(with_claims(text), Err(TokenFault::Malformed), "{member} = {wrong}");
        }
    }
}

#[test]
fn c144_another_issuer_or_audience_is_refused() {
    for member in ["iss", "aud"] {
        let good = claims_json()[member].as_str().unwrap().to_owned();
        for other in [
            "",
            "https://other.example",
            &format!("{good}/"),
            &good.to_uppercase(),
            &good.replace("https", "http"),
        ] {
            let foreign = changed(claims_json(), member, json!(other));
            assert_eq!(with_claims(foreign), Err(TokenFault::Foreign), "{member} = {other}");
        }
    }
}

#[test]
fn c145_issuer_and_audience_are_never_arrays() {
    for (member, good) in [("iss", ISSUER), ("aud", AUDIENCE)] {
        for wrong in [json!([good]), json!([good, "https://other.example"]), json!({ "0": good })] {
            let array = changed(claims_json(), member, wrong);
            assert_eq!(with_claims(array), Err(TokenFault::Malformed), "{member}");
        }
    }
}

#[test]
fn f46_unknown_claims_are_ignored_whatever_their_type() {
    for (member, value) in [
        ("nonce", json!("n")),
        ("acr", json!(7)),
        ("admin", json!(true)),
        ("cnf", json!({ "jkt": ["x"] })),
        ("Role", json!("admin")),
        ("role ", json!("admin")),
    ] {
        assert_eq!(with_claims(changed(claims_json(), member, value)), Ok(claims()), "{member}");
    }
}

#[test]
fn f46_an_unknown_role_is_the_least_one() {
    for unknown in ["auditor", "", "Admin", "ADMIN", "admin ", "root", "admin\0"] {
        let role = with_claims(changed(claims_json(), "role", json!(unknown))).unwrap().role;
        assert_eq!(role, Role::User, "{unknown:?}");
    }
    let role = with_claims(changed(claims_json(), "role", json!("admin"))).unwrap().role;
    assert_eq!(role, Role::Admin);
}

#[test]
fn f46_unknown_members_of_the_header_are_ignored() {
    let header = TestKey::of(Algorithm::Es256).header();
    for value in [json!("2.0"), json!({ "a": [1] }), json!(null)] {
        assert_eq!(with_header(changed(header.clone(), "labgate", value)), Ok(claims()));
    }
}

#[test]
fn c146_header_members_that_change_a_tokens_meaning_are_refused() {
    let ours = TestKey::of(Algorithm::Es256);
    let attacker = TestKey::fresh(Algorithm::Es256);
    for (member, value) in [
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("crit", json!(null)),
        ("enc", json!("A128GCM")),
        ("b64", json!(false)),
        ("jwk", attacker.signing.public_jwk().unwrap()),
        ("jku", json!("https://attacker.example/jwks.json")),
        ("x5u", json!("https://attacker.example/chain.pem")),
        ("x5c", json!(["MII="])),
        ("cty", json!("JWT")),
        ("zip", json!("DEF")),
    ] {
        let header = changed(ours.header(), member, value);
        assert_eq!(with_header(&header), Err(TokenFault::Malformed), "{member} signed by us");
        let forged = attacker.forge(&header, claims_json());
        assert_eq!(read(&forged), Err(TokenFault::Malformed), "{member} signed by an attacker");
    }
}

#[test]
fn c147_without_a_known_kid_no_key_is_tried() {
    let header = TestKey::of(Algorithm::Es256).header();
    let kid = header["kid"].as_str().unwrap();
    let long = "k".repeat(1000);
    for other in ["", "unknown", "../../dev/null", "kid\0", &kid.to_lowercase(), &format!("{kid} "), &long] {
        let header = changed(header.clone(), "kid", json!(other));
        assert_eq!(with_header(header), Err(TokenFault::UnknownKey), "{other}");
    }
    for wrong in [json!(null), json!(1), json!([kid])] {
        assert_eq!(with_header(changed(header.clone(), "kid", wrong)), Err(TokenFault::Malformed));
    }
    assert_eq!(with_header(without(header, "kid")), Err(TokenFault::Malformed));
}

#[test]
fn c144_a_member_said_twice_is_refused() {
    let key = TestKey::of(Algorithm::Es256);
    for member in ["typ", "alg", "kid"] {
        let twice = said_twice(&key.header(), member);
        assert_eq!(with_header(twice), Err(TokenFault::Malformed), "{member}");
    }
    for member in ["iss", "aud", "sub", "exp", "sid", "role", "groups", "email"] {
        let twice = said_twice(&claims_json(), member);
        assert_eq!(with_claims(twice), Err(TokenFault::Malformed), "{member}");
    }
}

fn said_twice(json: &Value, member: &str) -> String {
    let text = json.to_string();
    format!("{},\"{member}\":{}}}", text.trim_end_matches('}'), json[member])
}

#[test]
fn a_token_longer_than_a_cookie_is_refused_before_it_is_looked_at() {
    let good = TestKey::of(Algorithm::Es256).signing.sign(Some(SessionJwt::TYP), &claims()).unwrap();
    let padded = |len: usize| format!("{good}{}", "A".repeat(len - good.len()));
    assert_eq!(read(&padded(4097)), Err(TokenFault::TooLong));
    assert_ne!(read(&padded(4096)), Err(TokenFault::TooLong));
    assert_eq!(read(&".".repeat(1_000_000)), Err(TokenFault::TooLong));
}

/// One token has one spelling: what differs in a bit that carries no data is another text, and not one of
/// ours.
#[test]
fn base64url_that_is_not_canonical_is_refused() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for algorithm in ALGORITHMS {
        let key = TestKey::of(algorithm);
        let good = key.signing.sign(Some(SessionJwt::TYP), &claims()).unwrap();
        let parts: Vec<&str> = good.split('.').collect();
        for position in 0..3 {
            let with = |part: String| {
                let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
                parts[position] = part;
                read_with(key, &parts.join("."))
            };
            let (last, stem) = parts[position].as_bytes().split_last().unwrap();
            let stem = std::str::from_utf8(stem).unwrap();
            for other in ALPHABET.iter().filter(|other| *other != last) {
                assert!(with(format!("{stem}{}", char::from(*other))).is_err());
            }
            for ornament in ["=", "==", " ", "\n", "A", "%3D"] {
                assert!(with(format!("{}{ornament}", parts[position])).is_err());
                assert!(with(format!("{ornament}{}", parts[position])).is_err());
            }
        }
    }
}

#[test]
fn a_token_changed_in_any_byte_or_cut_anywhere_is_refused() {
    let key = TestKey::of(Algorithm::EdDsa);
    let good = key.signing.sign(Some(SessionJwt::TYP), &claims()).unwrap();
    for position in 0..good.len() {
        assert!(read_with(key, &good[..position]).is_err(), "cut at {position}");
        for other in ["A", "_", ".", "\0", "ä"] {
            let changed = format!("{}{other}{}", &good[..position], &good[position + 1..]);
            assert!(changed == good || read_with(key, &changed).is_err(), "{other} at {position}");
        }
    }
}

#[test]
fn garbage_is_malformed_and_never_panics() {
    for garbage in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "....",
        "e30.e30.e30",
        "\u{0}.\u{0}.\u{0}",
        "💥.💥.💥",
        "bnVsbA.bnVsbA.",
        "W10.W10.",
        "Bearer x",
    ] {
        assert_eq!(read(garbage), Err(TokenFault::Malformed), "{garbage:?}");
    }
    // Five parts, as an encrypted token has.
    assert_eq!(read("e30.AA.AA.AA.AA"), Err(TokenFault::Malformed));
    let nested = format!("{}{}", "[".repeat(1400), "]".repeat(1400));
    assert_eq!(with_header(&nested[..1500]), Err(TokenFault::Malformed));
    assert_eq!(with_claims(&nested[..2000]), Err(TokenFault::Malformed));
}
