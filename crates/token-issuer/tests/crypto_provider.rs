//! A process of its own, in which nothing has chosen jsonwebtoken's cryptography before.

use jsonwebtoken::crypto::aws_lc;
use labgate_domain::time::Timestamp;
use labgate_token::Verifier;

/// With two backends compiled in, a first use without a choice panics, and the choice can no longer be made.
#[test]
fn the_cryptography_is_chosen_before_a_first_use() {
    let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"k",
        "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    let verifier = Verifier::from_jwks(jwks, "https://lab.example", "https://lab.example").unwrap();
    assert!(aws_lc::DEFAULT_PROVIDER.install_default().is_err(), "nobody has chosen");
    assert!(verifier.verify("not.a.token", Timestamp::from_unix_seconds(0)).is_err());
}
