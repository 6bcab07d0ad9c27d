//! Signs a session token, publishes the JWK set, and verifies the token as another service of the lab does.

use std::error::Error;
use std::time::Duration;

use labgate_domain::people::{AccountId, Role, Username};
use labgate_domain::ports::TokenIssuer as _;
use labgate_domain::session::{SessionClaims, SessionId};
use labgate_domain::time::Timestamp;
use labgate_token::{Algorithm, KeyRing, SessionTokens, SigningKey, Verifier};

const LAB: &str = "https://lab.example.org";

fn main() -> Result<(), Box<dyn Error>> {
    let now = Timestamp::from_unix_seconds(1_795_000_000);

    // The lab: one key, one token.
    let tokens = SessionTokens::new(KeyRing::new(SigningKey::generate(Algorithm::Es256)?), LAB, LAB);
    let token = tokens.issue(&claims(now)?)?;

    // A service: it has the lab's JWK set, and the token from the request's cookie.
    let verifier = Verifier::from_jwks(&tokens.jwks(), LAB, LAB)?;
    let user = verifier.verify(token.expose(), now)?;
    println!("{} is signed in as {}", user.username.as_str(), user.role.as_str());

    let later = now.plus(Duration::from_mins(15));
    match verifier.verify(token.expose(), later) {
        Ok(_) => Err("the token has expired and was accepted".into()),
        Err(error) => {
            println!("15 minutes later: {error}");
            Ok(())
        }
    }
}

/// Returns the claims of a session of the user `ada`, as the domain makes them at sign-in.
fn claims(now: Timestamp) -> Result<SessionClaims, Box<dyn Error>> {
    Ok(SessionClaims {
        iss: LAB.to_owned(),
        aud: LAB.to_owned(),
        sub: AccountId::parse("01900000-0000-7000-8000-000000000001")?,
        sid: SessionId::parse("AAAAAAAAAAAAAAAAAAAAAA")?,
        exp: now.plus(Duration::from_mins(15)),
        iat: now,
        jti: "first".to_owned(),
        username: Username::parse("ada")?,
        email: None,
        name: None,
        role: Role::User,
        groups: Vec::new(),
        groups_complete: true,
        amr: vec!["pwd".to_owned()],
        auth_time: now,
    })
}
